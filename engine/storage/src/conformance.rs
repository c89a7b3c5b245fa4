//! What every store must do, as tests that run against any of them.
//!
//! Each case gets a fresh store and knows nothing of what is behind it. `conformance_suite!` makes a test of every
//! case, and `blob_suite!` the same for blobs; see `tests/conformance.rs` for what they run against. Failed
//! expectations panic, as in any test.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_imports,
    reason = "these are tests, and a kit for them"
)]

mod blobs;
mod breakers;
mod claims;
mod dead;
mod intake;
mod kit;
mod redrives;
mod retention;
mod settling;
mod storm;
mod webhooks;

pub use blobs::*;
pub use breakers::*;
pub use claims::*;
pub use dead::*;
pub use intake::*;
pub use redrives::*;
pub use retention::*;
pub use settling::*;
pub use storm::*;
pub use webhooks::*;

/// One test for each case. `$fresh` is an async function that gives a value with a field `store`.
#[macro_export]
macro_rules! conformance_suite {
    ($fresh:path) => {
        $crate::conformance_suite! { @ $fresh:
            a_job_is_accepted_and_shown
            a_plan_is_remembered
            a_request_key_is_answered_once
            the_same_key_at_once_is_new_once
            a_submission_is_stored_whole_or_not
            the_same_ids_are_the_same_jobs
            one_refusal_spoils_no_other
            withdrawn_jobs_leave_nothing
            jobs_that_somebody_was_told_of_stay
            a_job_that_has_succeeded_keeps_its_key
            an_answer_that_got_lost_tells_nobody
            withdrawn_jobs_that_died_are_let_go
            telling_and_withdrawing_do_not_cross
            odd_text_survives
            jobs_are_listed_newest_first
            each_job_is_claimed_once
            a_claim_raises_the_lease
            owners_take_turns
            who_was_idle_gains_nothing
            costly_jobs_count_more
            interactive_first_and_every_eighth_for_bulk
            bulk_takes_what_is_left
            what_becomes_ready_is_told
            success_leaves_a_result
            the_second_settlement_is_stale
            an_old_lease_is_stale
            a_late_heartbeat_is_told
            heartbeats_keep_a_job
            retries_wait_until_they_are_due
            a_retry_that_lies_too_far_ahead_is_due
            a_job_given_back_costs_nothing
            the_third_lost_worker_ends_it
            a_heart_far_ahead_does_not_beat
            a_known_failure_is_remembered
            whatever_has_not_ended_can_be_cancelled
            cancel_or_settle_but_not_both
            a_rendition_that_is_doomed_is_refused
            a_breaker_parks_and_lets_go_in_cohorts
            a_probe_that_fails_opens_it_again
            one_poison_opens_nothing
            a_person_trips_isolates_and_clears
            a_breaker_may_come_before_the_first_job
            newcomers_are_parked_by_the_tick
            what_needs_a_missing_component_waits_until_it_is_found
            a_job_parked_too_late_goes_on
            who_has_a_stand_in_is_not_parked
            who_can_do_with_either_waits_for_one
            parked_jobs_that_go_are_not_counted
            parked_jobs_go_on_with_another_plan
            the_dead_are_grouped
            letters_are_listed_newest_first
            purged_letters_are_cancelled
            the_dead_are_sent_again
            too_many_redrives_are_refused
            a_redrive_counts_what_becomes_of_it
            a_canary_that_dies_stops_the_redrive
            a_canary_that_lives_lets_the_rest_go
            a_redrive_keeps_its_rate_and_limit
            a_redrive_is_cancelled
            a_new_plan_for_the_dead
            two_servers_send_each_letter_once
            who_dies_later_is_no_candidate
            clocks_that_are_ahead_hide_no_letter
            what_died_and_was_sent_by_another_is_dead_again
            what_a_redrive_waits_for_is_not_forgotten
            redrives_are_listed_newest_first
            the_audit_log_is_listed_newest_first
            old_jobs_are_forgotten
            blobs_without_references_are_doomed
            the_dead_keep_their_originals
            purged_letters_let_their_originals_go
            doom_and_enqueue_do_not_cross
            a_doomed_blob_has_one_burier
            a_mark_can_be_freed
            a_burier_whose_clock_was_ahead_is_followed
            a_spared_blob_is_looked_at_again
            starts_are_counted
            servers_that_start_at_once_agree
            strays_are_doomed
            owners_who_wait_are_not_forgotten
            counters_are_true_after_a_storm
            the_clock_is_the_databases_or_nobodys
            ends_are_told_to_who_wants_them
            the_ends_that_nobody_caused_are_told
            what_is_told_is_the_job_as_it_was
            a_delivery_has_one_sender
            failures_are_sent_again_until_one_is_taken
            a_clock_that_was_set_back_puts_no_delivery_off
            an_old_sender_changes_nothing
            who_is_gone_is_sent_nothing
            who_only_fails_is_disabled
            deliveries_are_listed_and_replayed
            a_secret_is_replaced_slowly
            deliveries_go_with_their_job_or_endpoint
        }
    };
    (@ $fresh:path: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh = $fresh().await;
                $crate::conformance::$case(fresh.store.clone()).await;
            }
        )*
    };
}

/// One test for each case. `$fresh` is an async function that gives a value with a field `blobs`.
#[macro_export]
macro_rules! blob_suite {
    ($fresh:path) => {
        $crate::blob_suite! { @ $fresh:
            a_usable_place_is_found_usable
            what_was_put_is_there_until_it_is_deleted
            the_same_bytes_may_be_put_again
            a_missing_blob_is_none
            altered_bytes_are_an_error
            blobs_are_listed_by_their_first_byte
            it_is_told_when_a_blob_was_put_last
            the_mark_is_kept_beside_the_blobs
            an_empty_blob_is_kept
            a_large_blob_is_kept
            many_may_put_the_same_bytes_at_once
            nothing_but_digests_is_a_name
            components_are_kept_apart
        }
    };
    (@ $fresh:path: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh = $fresh().await;
                $crate::conformance::$case(fresh.blobs.clone()).await;
            }
        )*
    };
}
