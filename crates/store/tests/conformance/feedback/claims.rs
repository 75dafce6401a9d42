//! Claims on e-mails: one creation at a time, and what is known of the last try.

use std::time::Duration;

use ticketbridge_core::time::Wall;
use ticketbridge_store::{Claim, ClaimAnswer, FeedbackStore, FeedbackWrites, RunFence, SentBefore};

use super::{begin, begin_for, done, end, nothing, over_each_store, refusal, sends, stored, write};

over_each_store!(
    a_claim_is_granted_once_and_busy_for_others,
    a_run_that_has_a_claim_is_granted_it_again,
    a_claim_of_a_lost_run_is_taken_over_with_what_was_sent,
    a_claim_of_an_ended_run_is_taken_over,
    a_claim_after_a_rewind_is_taken_over,
    a_released_claim_is_forgotten,
    platforms_do_not_hold_each_other_off,
    a_creation_without_its_claim_is_not_sent,
);

const ADA: [u8; 32] = [1; 32];
const BOB: [u8; 32] = [2; 32];

async fn claim(store: &dyn FeedbackStore, fence: &RunFence, emails: &[[u8; 32]]) -> Vec<ClaimAnswer> {
    let request =
        |email: &[u8; 32]| Claim { email: *email, request_ref: format!("{}-{}", fence.organizer, email[0]).into() };
    done(store.claim_contacts(fence, "s360", emails.iter().map(request).collect()).await)
}

fn granted(request_ref: &str, sent_before: SentBefore) -> ClaimAnswer {
    ClaimAnswer::Granted { request_ref: request_ref.into(), sent_before }
}

/// Sends the creation for a claim.
async fn send(store: &dyn FeedbackStore, fence: &RunFence, email: [u8; 32]) {
    let id = stored(store, fence, 1).await;
    let writes = FeedbackWrites { sent_claims: vec![email], ..sends(vec![super::item(id, 0)]) };
    write(store, fence, writes).await;
}

async fn a_claim_is_granted_once_and_busy_for_others(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    assert_eq!(claim(store, &of_o, &[ADA]).await, [granted("o-1", SentBefore::No)]);
    let answers = claim(store, &of_p, &[ADA, BOB, BOB]).await;
    assert_eq!(answers, [ClaimAnswer::Busy, granted("p-2", SentBefore::No), granted("p-2", SentBefore::No)]);
    assert_eq!(claim(store, &of_o, &[BOB, ADA]).await, [ClaimAnswer::Busy, granted("o-1", SentBefore::No)]);
    assert_eq!(claim(store, &of_o, &[]).await, []);
}

async fn a_run_that_has_a_claim_is_granted_it_again(store: &dyn FeedbackStore) {
    let fence = begin(store, "o").await.fence;
    claim(store, &fence, &[ADA]).await;
    send(store, &fence, ADA).await;
    assert_eq!(claim(store, &fence, &[ADA]).await, [granted("o-1", SentBefore::Ours)]);
    // Also by its next run, whatever reference it brings.
    end(store, &fence).await;
    let fence = begin(store, "o").await.fence;
    let again = Claim { email: ADA, request_ref: "other".into() };
    assert_eq!(done(store.claim_contacts(&fence, "s360", vec![again]).await), [granted("o-1", SentBefore::Ours)]);
}

async fn a_claim_of_a_lost_run_is_taken_over_with_what_was_sent(store: &dyn FeedbackStore) {
    let lost = begin_for(store, "o", Duration::ZERO).await.fence;
    claim(store, &lost, &[ADA, BOB]).await;
    send(store, &lost, ADA).await;
    let of_p = begin(store, "p").await.fence;
    assert_eq!(
        claim(store, &of_p, &[ADA, BOB]).await,
        [granted("o-1", SentBefore::Others), granted("o-2", SentBefore::No)]
    );
    // The stalled run still has its lease, but these claims no more: it neither sends nor releases.
    let text = refusal(store.write_feedback(&lost, FeedbackWrites { sent_claims: vec![BOB], ..nothing() }).await);
    assert!(text.contains("another run took the claim over"), "{text}");
    write(store, &lost, FeedbackWrites { released_claims: vec![ADA, BOB], ..nothing() }).await;
    assert_eq!(claim(store, &lost, &[ADA, BOB]).await, [ClaimAnswer::Busy, ClaimAnswer::Busy]);
    assert_eq!(
        claim(store, &of_p, &[ADA, BOB]).await,
        [granted("o-1", SentBefore::Ours), granted("o-2", SentBefore::No)]
    );
}

async fn a_claim_of_an_ended_run_is_taken_over(store: &dyn FeedbackStore) {
    let of_o = begin(store, "o").await.fence;
    claim(store, &of_o, &[ADA]).await;
    end(store, &of_o).await;
    let of_p = begin(store, "p").await.fence;
    assert_eq!(claim(store, &of_p, &[ADA]).await, [granted("o-1", SentBefore::No)]);
    // A later run of the first organizer is alive, but it is not the one that claimed.
    let of_q = begin(store, "q").await.fence;
    claim(store, &of_q, &[BOB]).await;
    end(store, &of_q).await;
    begin(store, "q").await;
    assert_eq!(claim(store, &of_p, &[BOB]).await, [granted("q-2", SentBefore::No)]);
}

async fn a_claim_after_a_rewind_is_taken_over(store: &dyn FeedbackStore) {
    let stalled = begin_for(store, "o", Duration::ZERO).await.fence;
    claim(store, &stalled, &[ADA]).await;
    store.rewind_key("o", None, "ana", Wall(1)).await.unwrap();
    let of_p = begin(store, "p").await.fence;
    assert_eq!(claim(store, &of_p, &[ADA]).await, [granted("o-1", SentBefore::No)]);
}

async fn a_released_claim_is_forgotten(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    claim(store, &of_o, &[ADA]).await;
    send(store, &of_o, ADA).await;
    write(store, &of_o, FeedbackWrites { released_claims: vec![ADA], ..nothing() }).await;
    assert_eq!(claim(store, &of_p, &[ADA]).await, [granted("p-1", SentBefore::No)]);
    // One that never was, or is another's, is left.
    write(store, &of_o, FeedbackWrites { released_claims: vec![ADA, BOB], ..nothing() }).await;
    assert_eq!(claim(store, &of_o, &[ADA]).await, [ClaimAnswer::Busy]);
}

async fn platforms_do_not_hold_each_other_off(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    claim(store, &of_o, &[ADA]).await;
    let there = Claim { email: ADA, request_ref: "there".into() };
    let answers = done(store.claim_contacts(&of_p, "elsewhere", vec![there]).await);
    assert_eq!(answers, [granted("there", SentBefore::No)]);
}

async fn a_creation_without_its_claim_is_not_sent(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    claim(store, &of_p, &[ADA]).await;
    let id = stored(store, &of_o, 1).await;
    let before = super::random::contents(store).await;
    for email in [ADA, BOB] {
        let writes = FeedbackWrites { sent_claims: vec![email], ..sends(vec![super::item(id, 0)]) };
        let text = refusal(store.write_feedback(&of_o, writes).await);
        assert!(text.contains("has no claim"), "{text}");
    }
    // Released by the very same decision.
    claim(store, &of_o, &[BOB]).await;
    let writes = FeedbackWrites { released_claims: vec![BOB], sent_claims: vec![BOB], ..nothing() };
    refusal(store.write_feedback(&of_o, writes).await);
    assert_eq!(claim(store, &of_o, &[BOB]).await, [granted("o-2", SentBefore::No)]);
    assert_eq!(super::random::contents(store).await, before);
}
