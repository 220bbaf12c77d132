//! What does a guest find? Each probe is booted as domain 0 and must pass.
//!
//! The probes are functions of one kernel, `guest-kernel-stub/probes`; here stands one
//! test for each, by the same name. `the_list_is_complete` compares the two.

use std::collections::BTreeSet;

use xenolith_ci::harness::Machine;
use xenolith_ci::verdict::Verdict;

/// What the hypervisor never says while a probe runs that ends well.
const NEVER: &[&str] = &[
    "The hypervisor stops on",
    "NMI without a known cause",
    "crashed",
    "has been ended",
];

/// Boots a probe, which must say that it passed and power off, and nothing else may happen.
#[track_caller]
fn passes(name: &str, machine: Machine) {
    let transcript = machine.boot().ends(Verdict::PowerOff);
    let verdict = format!("PROBE {name} pass");
    let said: Vec<&str> = transcript
        .lines()
        .filter(|line| line.starts_with("PROBE "))
        .collect();
    assert_eq!(said, [verdict], "{transcript}");
    for words in NEVER {
        assert!(!transcript.contains(words), "{words:?} in\n{transcript}");
    }
}

/// The machine that a family's probes are booted on.
fn machine(name: &str) -> Machine {
    Machine::probe(name).mem(256)
}

macro_rules! probes {
    ($($family:ident { $($name:ident),+ $(,)? })+) => {
        $(mod $family {
            $(#[test]
            fn $name() {
                let name = concat!(stringify!($family), "::", stringify!($name));
                super::passes(name, super::machine(name));
            })+
        })+

        /// The probes that have a test above.
        const PASSING: &[&str] = &[$($(concat!(stringify!($family), "::", stringify!($name))),+),+];
    };
}

/// A probe that does not come back: its machine's end, and the hypervisor's words about it.
#[track_caller]
fn ends(name: &str, expected: Verdict, words: &str) {
    let transcript = machine(name).boot().ends(expected.clone());
    assert!(
        !transcript.contains("PROBE "),
        "the probe came back:\n{transcript}"
    );
    assert!(transcript.contains(words), "no {words:?} in\n{transcript}");
    assert!(!transcript.contains(NEVER[0]), "{transcript}");
}

macro_rules! endings {
    ($($name:ident: $end:ident, $words:literal;)+) => {
        mod endings {
            $(#[test]
            fn $name() {
                super::ends(
                    concat!("endings::", stringify!($name)),
                    xenolith_ci::verdict::Verdict::$end,
                    $words,
                );
            })+
        }

        /// The probes that have a test above.
        const ENDING: &[&str] = &[$(concat!("endings::", stringify!($name))),+];
    };
}

endings! {
    power_off: PowerOff, "d0 asked for power off";
    power_off_with_events_pending: PowerOff, "d0 asked for power off";
    reboot: Reboot, "d0 asked for a reboot";
    crash: Dom0Crash, "d0 crashed: it shut down with reason 3";
    watchdog: Watchdog, "its watchdog has run out";
    exception_without_handler: Dom0Crash, "exception 6 without a handler";
    exception_of_the_user_without_handler: Dom0Crash, "exception 6 without a handler";
    event_without_callback: Dom0Crash, "event without a callback";
    kernel_stack_absent: Dom0Crash, "kernel stack cannot be written";
    kernel_stack_read_only: Dom0Crash, "kernel stack cannot be written";
    kernel_stack_in_the_hypervisor: Dom0Crash, "kernel stack cannot be written";
    kernel_stack_for_users_absent: Dom0Crash, "kernel stack cannot be written";
    kernel_stack_for_users_in_the_hypervisor: Dom0Crash, "d0 crashed";
    iret_frame_absent: Dom0Crash, "iret frame cannot be read";
    iret_frame_in_the_hypervisor: Dom0Crash, "iret frame cannot be read";
    iret_without_user_tables: Dom0Crash, "without a user root table";
}

/// Probes of the user bit, which is the hypervisor's command line to decide.
const POLICY: &[&str] = &["policy::user_bit_as_given", "policy::user_bit_forced"];

mod policy {
    use super::{POLICY, machine, passes};

    #[test]
    fn user_bit_as_given() {
        passes(POLICY[0], machine(POLICY[0]));
    }

    #[test]
    fn user_bit_forced() {
        passes(POLICY[1], machine(POLICY[1]).hv_args("dom0=force-user-bit"));
    }
}

#[test]
fn the_list_is_complete() {
    let transcript = machine("list").boot().ends(Verdict::PowerOff);
    let listed: BTreeSet<&str> = transcript
        .lines()
        .filter_map(|line| line.strip_prefix("LIST ")?.split_whitespace().next())
        // Those of several vCPUs stand in vcpus.rs.
        .filter(|name| *name != "end" && !name.starts_with("vcpus::"))
        .collect();
    let tested: BTreeSet<&str> = PASSING
        .iter()
        .chain(ENDING)
        .chain(POLICY)
        .copied()
        .collect();
    let untested: Vec<_> = listed.difference(&tested).collect();
    let unknown: Vec<_> = tested.difference(&listed).collect();
    assert!(
        untested.is_empty() && unknown.is_empty(),
        "without a test: {untested:?}; tests without a probe: {unknown:?}"
    );
}

probes! {
    grants {
        table_is_there,
        table_requests_are_checked,
        version_is_1,
        calls_are_checked,
        map_leads_to_the_page,
        readonly_map_is_readonly,
        user_bit_is_the_mappers,
        map_refusals,
        unmap_refusals,
        parts_are_unmapped_one_by_one,
        map_by_entry,
        entry_is_moved,
        marks_last_as_long_as_use,
        overwritten_entry_dangles,
        page_table_is_not_writable,
        written_page_is_no_table,
        table_frame_is_granted,
        copies,
        copy_refusals,
        transfer,
        swap,
        cache_flush,
        long_lists,
        broken_lists,
        uses_are_limited,
        handles_run_out,
        table_grows_to_its_limit,
        nothing_is_left,
    }
    rings {
        kernel_is_ring_1,
        user_is_ring_3,
        kernel_sees_its_selectors,
        popf_keeps_if_and_iopl,
        user_popf_keeps_if_and_iopl,
        syscall_of_user_enters_kernel,
        user_makes_no_hypercalls,
        hypercall_of_kernel_works,
        privileged_instructions_fault_in_kernel,
        privileged_instructions_fault_in_user,
    }
    isolation {
        user_cannot_touch_kernel,
        kernel_cannot_touch_hypervisor,
        user_cannot_touch_hypervisor,
        m2p_is_readable_by_the_kernel,
        m2p_is_not_writable,
        m2p_is_not_executable,
        m2p_is_not_readable_by_the_user,
        descriptor_tables_are_not_writable,
        absent_m2p_faults,
        hypervisor_slots_are_not_the_guests,
        user_bit_is_checked_at_each_level,
    }
    traps {
        divide_error,
        single_step,
        breakpoint,
        invalid_opcode,
        no_fpu,
        general_protection,
        page_fault_absent,
        page_fault_read_only,
        page_fault_fetch,
        page_fault_of_user_at_kernel_pages,
        x87_error,
        frame_is_aligned,
        handler_flags,
        syscall_handler_flags,
        syscall_clears_df,
        gate_without_mask,
        syscall_without_mask,
        syscall_without_callback,
        registers_reach_the_handler,
        align_check_flag_is_harmless_in_kernel,
    }
    iret {
        to_kernel,
        to_user,
        mask_comes_from_if,
        flags_are_restored,
        iopl_is_not,
        in_syscall_leaves_rcx_and_r11,
        bad_code_selector_faults_at_target,
        bad_stack_selector_faults_at_target,
        non_canonical_rip_faults_at_target,
        absent_rip_faults_at_target,
        unmasking_delivers_what_is_pending,
        masked_delivers_nothing,
    }
    clock {
        time_information_is_valid,
        system_time_never_goes_back,
        system_time_follows_the_tsc,
        wall_clock_is_plausible,
        one_shot_fires_and_block_wakes,
        one_shot_in_the_past_fires,
        one_shot_of_vcpu_op_fires,
        one_shot_must_be_future,
        set_timer_0_stops,
        later_deadline_replaces,
        far_future_is_not_now,
        periodic_timer_is_on_at_start,
        periodic_timer_can_be_set_and_stopped,
        periodic_timer_too_fast,
        timer_interrupts_the_user,
        block_unmasks_events,
        block_returns_when_pending,
        poll_returns_when_pending,
        poll_wakes_by_port,
        poll_wakes_by_time,
        poll_of_too_many_ports,
        yield_returns,
        vcpus_that_are_not_there,
    }
    events {
        ports_are_the_lowest_free,
        send_sets_all_three_levels,
        masked_port_sets_only_its_bit,
        unmask_raises_again,
        unmask_without_pending_raises_nothing,
        second_send_is_lost_in_the_first,
        virq_binds_once,
        virq_refusals,
        ipi_refusals,
        status_of_each_kind,
        close_frees_and_refuses,
        closed_port_is_not_pending,
        send_refusals,
        send_on_unbound_is_silent,
        interdomain_with_oneself,
        interdomain_close_leaves_unbound,
        interdomain_refusals,
        bind_vcpu_refusals,
        unknown_operations,
        many_ports,
        reset_closes_all,
        delivered_behind_a_hypercall,
        delivered_to_the_user,
        masked_upcall_waits,
        callback_without_mask,
        console_virq_binds,
    }
    multicall {
        empty_list,
        results_are_told,
        order_is_kept,
        failing_entry_does_not_stop,
        nested_is_refused,
        unknown_entry,
        five_thousand_entries,
        results_of_continued_entries,
        list_that_cannot_be_read,
        list_that_ends_at_an_absent_page,
        mappings_of_earlier_entries_hold,
    }
    validation {
        map_page_table_writable,
        map_page_table_read_only,
        store_to_page_table_faults,
        store_to_l1_faults,
        upper_level_large_page,
        upper_level_cache_and_global_bits,
        cache_bits_in_l1,
        frames_of_nobody_and_of_the_hypervisor,
        frame_beyond_the_address_width,
        local_apic,
        shared_info_can_be_mapped,
        not_present_entries_may_hold_anything,
        no_l1_for_the_address,
        new_mapping_is_seen_at_once,
        plain_write_to_a_writable_page,
        command_no_translate,
        preserve_accessed_and_dirty,
        m2p_update,
        m2p_update_of_frames_of_others,
        count_and_done,
        long_list,
        count_of_zero,
        unknown_owner,
        without_done,
        flags_that_only_software_reads,
        access_rights_change_both_ways,
    }
    tables {
        pin_each_level,
        writable_page_is_no_table,
        table_becomes_writable_again,
        pin_twice,
        unpin_unpinned,
        pin_as_another_level,
        entry_of_another_level,
        table_in_use_stays_one,
        bad_entry_spoils_the_table,
        table_that_maps_itself_writable,
        live_root_can_be_unpinned,
        new_root_is_run_on,
        base_pointer_refusals,
        user_base_pointer_refusals,
        user_base_pointer_keeps_its_table,
        root_entries_256_to_271_are_not_read,
        one_table_in_two_places,
        hundreds_of_tables,
        operations_stop_at_the_first_error,
        flushes,
        unknown_operation,
        clear_and_copy_pages,
        foreign_owner,
    }
    memory {
        reservations_of_oneself,
        reservation_of_no_domain,
        highest_page,
        m2p_is_where_it_says,
        page_goes_and_comes_back,
        page_given_back_cannot_be_mapped,
        page_in_use_stays_until_it_is_not,
        table_in_use_stays_a_table,
        frames_of_others_cannot_be_given_back,
        increase_gives_fresh_frames,
        many_pages_at_once,
        extents_of_eight_pages,
        extents_too_large,
        empty_list,
        list_that_ends_at_an_absent_page,
        unknown_operation,
    }
    ptwrites {
        moves,
        exchanges,
        compare_exchanges,
        logic,
        arithmetic,
        single_bits,
        strings,
        mapping_appears_and_goes,
        accessed_and_dirty_bits_stay,
        compare_exchange_sees_them,
        bit_index_beyond_the_operand,
        whole_table_by_rep_stos,
        table_copied_by_rep_movs,
        single_step_behind_a_store,
        writable_mapping_of_a_table_is_refused,
        frames_of_nobody_are_refused,
        upper_levels_are_refused,
        store_across_two_entries_is_refused,
        sixteen_bytes_are_refused,
        user_stores_are_refused,
        without_the_assist_it_faults,
    }
    reservation {
        list_begins_where_the_command_says,
        lists_that_are_not_begun,
        address_widths,
        nodes,
        populate_on_demand,
        page_given_back_twice,
        increase_without_a_list,
        list_that_cannot_be_written,
        fresh_frames_are_zero,
        large_extents,
        exchange_gives_other_frames,
        exchange_for_one_large_extent,
        exchange_of_one_large_extent,
        exchange_below_an_address,
        exchange_stops_at_the_first_bad_frame,
        exchange_of_used_frames,
        exchange_refusals,
        exchange_that_cannot_be_told,
        highest_frame_number,
        highest_pfn,
        own_memory_map,
        machines_memory_map,
        m2p_frames,
        claims,
        physmap_is_for_others,
        nothing_on_demand,
        other_refusals,
        commands_that_begin_nowhere,
    }
    version {
        number,
        texts,
        capabilities,
        where_the_hypervisor_begins,
        features,
        page_size,
        handle_of_domain_0,
        build_id,
        unknown_information,
        unknown_hypercalls,
        unknown_operations,
        console_takes_nothing,
    }
    pointers {
        absent,
        not_canonical,
        of_the_hypervisor,
        across_the_end_of_a_page,
        results_into_a_read_only_page,
        pointers_in_structures,
        structure_over_two_frames,
        structure_of_the_user,
        end_of_the_address_space,
        reservations,
    }
    registers {
        kept_over_hypercalls,
        kept_over_the_hypercall_page,
        flags_kept_over_hypercalls,
        kept_over_user_system_calls_by_iret,
        vector_registers_kept_over_hypercalls,
        vector_registers_kept_over_timer_interrupts,
        fpu_state_at_start,
        upcall_keeps_all,
    }
    emulation {
        cpuid_names_the_hypervisor,
        cpuid_hides_and_shows,
        cpuid_of_user,
        forced_prefix_is_for_cpuid_only,
        msr_bases,
        msr_fixed_values,
        msr_refusals,
        msr_of_user_faults,
        early_reads_give_zero,
        hypercall_page_by_msr,
        cr0_has_only_ts,
        cr2_is_the_last_faults,
        cr3_is_the_root,
        cr4_changes_silently,
        debug_registers_are_reset,
        caches_and_tsc,
        ports_need_iopl,
        software_interrupts_by_gate,
        int_0x80_by_gate,
        single_step_over_an_emulated_instruction,
    }
    descriptors {
        own_gdt_is_used,
        levels_are_the_kernels,
        set_gdt_refusals,
        refused_gdt_leaves_the_old,
        gdt_page_cannot_be_written,
        gdt_page_may_be_given_up,
        empty_gdt_ends_the_old,
        fourteen_frames,
        update_descriptor_refusals,
        update_descriptor_acts_at_once,
        update_descriptor_writes_plain_pages,
        call_gates_are_refused,
        no_descriptor_leads_to_ring_0,
    }
    segments {
        bad_data_selectors_fault,
        bad_selectors_in_iret_frames,
        segments_of_user_mode,
        user_code_of_32_bits,
        bases_come_from_descriptors,
        segment_bases,
        user_gs_selector,
        failsafe_tells_of_lost_selectors,
    }
    ldt {
        set_ldt_refusals,
        kernel_and_user_use_it,
        code_of_the_ldt_runs,
        limit_is_kept,
        pages_are_found_at_their_first_use,
        absent_page_faults_at_the_ldts_address,
        bad_page_faults,
        page_in_use_cannot_be_written,
        unmapped_page_is_forgotten,
        another_ldt_replaces_it,
        all_16_pages,
        user_gs_of_the_ldt,
    }
    debug {
        registers_keep_their_values,
        reserved_bits_of_dr6_and_dr7,
        registers_that_are_not_there,
        hypervisors_addresses_are_refused,
        privileged_conditions_are_refused,
        emulated_moves_are_the_same,
        watchpoint_on_a_store,
        watchpoint_on_a_load,
        instruction_breakpoint,
        resume_flag_goes_past_it,
        four_at_once,
        disarmed_is_silent,
        armed_across_a_sleep,
        hypervisors_own_accesses_do_not_trap,
        single_step_sets_its_bit,
        single_step_over_a_system_call,
        single_step_over_a_hypercall,
        breakpoint_held_back_by_mov_ss,
    }
}
