//! One test per target: its corpus, and a fixed number of mutations; or as long as `TICKETBRIDGE_FUZZ_SECONDS` says.

use ticketbridge_fuzz::driver::{Target, check};
use ticketbridge_fuzz::{
    cherwell, config, connector_file, filter, http, intake, mobile, network, personal, recording, s360, sfyc_look_ups,
    sfyc_writes, text, tixngo,
};

macro_rules! targets {
    ($($name:ident: $mutations:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                static TARGET: Target = Target {
                    name: stringify!($name),
                    run: $name::target,
                    dictionary: $name::DICTIONARY,
                    mutations: $mutations,
                };
                check(&TARGET);
            }
        )*
    };
}

targets! {
    cherwell: 600,
    config: 1_000,
    connector_file: 100,
    filter: 700,
    http: 5_000,
    intake: 5_000,
    mobile: 1_500,
    network: 2_500,
    personal: 3_000,
    recording: 1_000,
    s360: 2_000,
    sfyc_look_ups: 3_000,
    sfyc_writes: 3_000,
    text: 5_000,
    tixngo: 3_000,
}
