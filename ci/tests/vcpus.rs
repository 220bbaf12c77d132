//! Many vCPUs: each probe of that family as domain 0, on machines with fewer CPUs than vCPUs, with as
//! many, and with one.
//!
//! What the probes ask stands with them, in `guest-kernel-stub/probes/src/families/vcpus`.

use std::collections::BTreeSet;

use xenolith_ci::harness::Machine;
use xenolith_ci::verdict::Verdict;

/// What the hypervisor never says while a probe runs that ends well.
const NEVER: &[&str] = &[
    "The hypervisor stops on",
    "NMI without a known cause",
    "crashed",
    "has been ended",
    "returned",
];

/// So many CPUs, and so many vCPUs.
type Shape = (u32, u32);

/// One vCPU more than is needed to be several.
const PAIR: &[Shape] = &[(1, 3)];
/// Several vCPUs on one CPU, on fewer, and on enough.
const SHAPES: &[Shape] = &[(1, 4), (2, 4), (4, 8)];

fn machine(name: &str, (cpus, vcpus): Shape) -> Machine {
    Machine::probe(name)
        .cpus(cpus)
        .mem(256)
        .hv_args(&format!("dom0_max_vcpus={vcpus}"))
}

/// Boots a probe, which must say that it passed and power off, and nothing else may happen.
#[track_caller]
fn passes(name: &str, shapes: &[Shape]) {
    for shape in shapes {
        let transcript = machine(name, *shape).boot().ends(Verdict::PowerOff);
        let said: Vec<&str> = transcript
            .lines()
            .filter(|line| line.starts_with("PROBE "))
            .collect();
        let verdict = format!("PROBE {name} pass");
        assert_eq!(said, [verdict], "on {shape:?}:\n{transcript}");
        for words in NEVER {
            assert!(
                !transcript.contains(words),
                "on {shape:?}: {words:?} in\n{transcript}"
            );
        }
    }
}

macro_rules! probes {
    ($($shapes:expr => { $($name:ident),+ $(,)? })+) => {
        $($(#[test]
        fn $name() {
            passes(concat!("vcpus::", stringify!($name)), $shapes);
        })+)+

        /// The probes that have a test above.
        const TESTED: &[&str] = &[$($(concat!("vcpus::", stringify!($name))),+),+];
    };
}

probes! {
    &[(1, 1), (1, 8), (2, 2), (2, 8), (4, 4), (4, 64)] => { all_come_up }
    &[(1, 1), (2, 2)] => { down_of_the_last_is_poweroff }
    &[(1, 2), (2, 2)] => {
        segments_of_a_context,
        bad_tables_in_a_context,
        segments_are_each_ones_own,
        table_is_kept_by_its_last_user,
        ldt_page_is_unmapped_by_another,
    }
    PAIR => {
        absent_ids,
        initialise_twice,
        up_needs_a_context,
        operations_that_are_none,
        registers_are_as_given,
        bad_addresses_are_refused,
        bad_roots_are_refused,
        user_mode_needs_a_user_root,
        hypervisor_addresses_are_refused,
        refusals_leave_no_trace,
        unpinned_root_is_validated,
        info_place_is_checked,
        info_moves_once_with_its_content,
        bind_of_absent_vcpus,
        nmi_argument_must_be_null,
        area_addresses,
        one_shot_of_another_is_refused,
        masks_may_name_any_vcpu,
        masks_that_cannot_be_read,
    }
    SHAPES => {
        up_and_down_of_what_is_so,
        goes_on_behind_its_own_down,
        goes_on_where_another_took_it_down,
        last_but_one_is_not_the_last,
        info_of_a_running_vcpu_stays,
        own_info_moves_and_goes_on,
        ipis_go_round,
        ipi_reaches_its_vcpu_only,
        event_of_a_vcpu_that_is_down_waits,
        poll_of_another_is_woken,
        poll_is_woken_by_another,
        spinlock_by_poll,
        blocked_vcpu_wakes_with_each_event,
        nmi_reaches_another,
        nmi_of_a_vcpu_that_is_down_waits,
        times_add_up,
        states_are_told,
        sleeping_vcpus_do_not_run,
        area_follows_the_state,
        area_update_is_flagged,
        time_area_is_a_clock,
        one_shots_fire_on_their_vcpus,
        set_timer_is_the_callers,
        ticks_of_a_new_vcpu,
        periodic_timers_are_each_vcpus_own,
        ticks_stop_and_start_from_outside,
        ticks_wake_nobody,
        polls_end_in_time,
        timer_fires_while_others_spin,
        remote_flush_shows_the_new_page,
        stale_writer_faults_on_a_page_table,
        stale_reader_faults_on_an_unmapped_page,
        sibling_sees_the_root_change,
        many_vcpus_change_tables_at_once,
        rights_are_taken_from_all,
        sleepers_are_served_among_spinners,
    }
    &[(2, 40)] => { high_ids_need_a_place }
    &[(1, 4)] => { waiting_is_counted }
    &[(1, 3)] => { yield_lets_others_run }
    &[(1, 4), (2, 7), (4, 4)] => { registers_survive_preemption }
    &[(1, 4), (2, 64)] => { all_make_progress }
    &[(1, 4), (2, 7)] => { shares_are_even }
}

#[test]
fn the_list_is_complete() {
    let transcript = machine("list", (1, 1)).boot().ends(Verdict::PowerOff);
    let listed: BTreeSet<&str> = transcript
        .lines()
        .filter_map(|line| line.strip_prefix("LIST ")?.split_whitespace().next())
        .filter(|name| name.starts_with("vcpus::"))
        .collect();
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(listed, tested);
}
