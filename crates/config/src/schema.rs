//! The JSON schema of the configuration file, for editors.

use schemars::Schema;

use crate::Config;

/// JSON schema (draft 2020-12) of a configuration file.
pub fn schema() -> Schema {
    schemars::schema_for!(Config)
}
