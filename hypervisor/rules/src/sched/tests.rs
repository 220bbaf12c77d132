//! The scheduler against a simulated machine: shares, caps, affinity, latency.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// A machine whose vCPUs run, and sleep as they are told, in steps of a tenth of a millisecond.
struct Simulation {
    scheduler: Scheduler,
    cpus: Vec<Option<(Who, u64, u64)>>,
    /// When a pCPU that halts looks again by itself.
    look_again: Vec<Option<u64>>,
    /// For each vCPU: ns to run before sleeping, ns to sleep; 0 to run: never sleeps.
    habits: HashMap<Who, (u64, u64)>,
    wakes: Vec<(u64, Who)>,
    burst: HashMap<Who, u64>,
    /// Longest time from a wake-up to running.
    latency: HashMap<Who, u64>,
    woken: HashMap<Who, u64>,
    /// Longest time that a ready vCPU waited.
    now: u64,
}

const STEP: u64 = 100_000;

fn who(domain: u16, vcpu: u32) -> Who {
    Who {
        domain: DomId(domain),
        vcpu: VcpuId(vcpu),
    }
}

impl Simulation {
    fn new(cpus: usize) -> Self {
        Self {
            scheduler: Scheduler::new(),
            cpus: vec![None; cpus],
            look_again: vec![None; cpus],
            habits: HashMap::new(),
            wakes: Vec::new(),
            burst: HashMap::new(),
            latency: HashMap::new(),
            woken: HashMap::new(),
            now: 1_000_000_000,
        }
    }

    fn domain(&mut self, id: u16, weight: u16, cap: u16) {
        self.scheduler.add_domain(DomId(id), Weight { weight, cap });
    }

    fn vcpu(&mut self, who: Who, affinity: Affinity, habit: (u64, u64)) {
        self.scheduler.add(who, affinity, CpuId(0));
        self.habits.insert(who, habit);
        self.burst.insert(who, habit.0);
        self.wake(who);
    }

    fn idle(&self) -> u64 {
        (0..self.cpus.len())
            .filter(|&n| self.cpus[n].is_none())
            .fold(0, |mask, n| mask | 1 << n)
    }

    fn wake(&mut self, who: Who) {
        self.woken.insert(who, self.now);
        let idle = self.idle();
        if let Some(cpu) = self.scheduler.wake(who, idle) {
            self.look(cpu);
        }
    }

    /// What a pCPU does when its timer or a kick makes it look around.
    fn look(&mut self, cpu: CpuId) {
        let n = cpu.0 as usize;
        if let Some((who, until, _)) = self.cpus[n] {
            if !self.scheduler.should_yield(cpu, who, until, self.now) {
                return;
            }
            self.leave(cpu, who);
        }
        self.take(cpu);
    }

    fn leave(&mut self, cpu: CpuId, who: Who) {
        self.scheduler.put(who);
        self.cpus[cpu.0 as usize] = None;
    }

    /// The vCPU on a pCPU gives its turn to another that waits.
    fn give_way(&mut self, cpu: CpuId) {
        let Some((who, ..)) = self.cpus[cpu.0 as usize] else {
            return;
        };
        if self.scheduler.give_way(cpu, who, self.now) {
            self.leave(cpu, who);
            self.take(cpu);
        }
    }

    fn take(&mut self, cpu: CpuId) {
        let n = cpu.0 as usize;
        let turn = self.scheduler.take(cpu, self.now);
        if let Turn::Idle { look_again } = turn {
            self.look_again[n] = look_again;
        }
        if let Turn::Run { who, until } = turn {
            assert!(
                self.scheduler.affinity(who).unwrap().may(cpu),
                "{who:?} may not run on {cpu}"
            );
            if let Some(at) = self.woken.remove(&who) {
                let waited = self.latency.entry(who).or_default();
                *waited = (*waited).max(self.now - at);
            }
            self.cpus[n] = Some((who, until, self.now));
        }
        let idle = self.idle() & !(1 << n);
        if let Some(told) = self.scheduler.offer(idle, self.now) {
            self.take(told);
        }
    }

    /// Whether a pCPU looks around without being told: its timer sees to that while it runs something.
    fn looks(&self, n: usize) -> bool {
        self.cpus[n].is_some() || self.look_again[n].is_some_and(|at| at <= self.now)
    }

    fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        while self.now < end {
            self.now += STEP;
            for n in 0..self.cpus.len() {
                if let Some((who, _, _)) = self.cpus[n] {
                    self.scheduler.charge(who, STEP);
                    let habit = self.habits[&who];
                    let left = self.burst.get_mut(&who).unwrap();
                    if habit.0 != 0 {
                        *left = left.saturating_sub(STEP);
                        if *left == 0 {
                            *left = habit.0;
                            self.scheduler.sleep(who);
                            self.wakes.push((self.now + habit.1, who));
                        }
                    }
                }
            }
            let due: Vec<Who> = self
                .wakes
                .iter()
                .filter(|(at, _)| *at <= self.now)
                .map(|(_, who)| *who)
                .collect();
            self.wakes.retain(|(at, _)| *at > self.now);
            due.into_iter().for_each(|who| self.wake(who));
            for n in 0..self.cpus.len() {
                if self.looks(n) {
                    self.look(CpuId(n as u32));
                }
            }
        }
    }

    fn share(&self, domain: u16) -> f64 {
        self.habits
            .keys()
            .filter(|who| who.domain == DomId(domain))
            .map(|&who| self.scheduler.ran_ns(who))
            .sum::<u64>() as f64
    }
}

fn close(a: f64, b: f64, per_cent: f64) -> bool {
    (a - b).abs() <= b.abs() * per_cent / 100.0
}

#[test]
fn weights_decide_when_all_want_to_run() {
    let mut machine = Simulation::new(1);
    for (domain, weight) in [(1, 256), (2, 512), (3, 128)] {
        machine.domain(domain, weight, 0);
        machine.vcpu(who(domain, 0), Affinity::default(), (0, 0));
    }
    machine.run(4_000_000_000);
    let unit = machine.share(1) / 256.0;
    assert!(close(machine.share(2) / 512.0, unit, 3.0));
    assert!(close(machine.share(3) / 128.0, unit, 3.0));
}

#[test]
fn a_weight_is_the_domains_and_not_each_vcpus() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 0);
    machine.domain(2, 256, 0);
    (0..2).for_each(|n| machine.vcpu(who(1, n), Affinity::default(), (0, 0)));
    (0..6).for_each(|n| machine.vcpu(who(2, n), Affinity::default(), (0, 0)));
    machine.run(6_000_000_000);
    assert!(
        close(machine.share(1), machine.share(2), 4.0),
        "{} {}",
        machine.share(1),
        machine.share(2)
    );
}

#[test]
fn a_cap_is_kept_though_the_machine_is_idle() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 30);
    machine.vcpu(who(1, 0), Affinity::default(), (0, 0));
    machine.domain(2, 256, 150);
    (0..2).for_each(|n| machine.vcpu(who(2, n), Affinity::default(), (0, 0)));
    machine.run(3_000_000_000);
    assert!(
        close(machine.share(1), 0.3 * 3e9, 3.0),
        "{}",
        machine.share(1)
    );
    assert!(
        close(machine.share(2), 1.5 * 3e9, 3.0),
        "{}",
        machine.share(2)
    );
}

#[test]
fn who_mostly_sleeps_runs_soon_after_it_wakes() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 0);
    (0..4).for_each(|n| machine.vcpu(who(1, n), Affinity::default(), (0, 0)));
    machine.domain(2, 256, 0);
    machine.vcpu(who(2, 0), Affinity::default(), (200_000, 7_000_000));
    machine.run(100_000_000);
    machine.latency.clear();
    machine.run(2_000_000_000);
    assert!(
        machine.latency[&who(2, 0)] <= 2 * STEP,
        "{}",
        machine.latency[&who(2, 0)]
    );
}

#[test]
fn sleeping_saves_up_nothing() {
    let mut machine = Simulation::new(1);
    machine.domain(1, 256, 0);
    machine.vcpu(who(1, 0), Affinity::default(), (0, 0));
    machine.domain(2, 256, 0);
    machine.vcpu(who(2, 0), Affinity::default(), (STEP, 3_000_000_000));
    machine.run(2_999_000_000);
    machine.habits.insert(who(2, 0), (0, 0));
    let before = (machine.share(1), machine.share(2));
    machine.run(1_000_000_000);
    let (a, b) = (machine.share(1) - before.0, machine.share(2) - before.1);
    assert!(close(a, b, 4.0), "{a} {b}");
}

#[test]
fn a_move_of_affinity_is_told_to_the_pcpu_and_obeyed() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 0);
    machine.vcpu(who(1, 0), Affinity { hard: 1, soft: !0 }, (0, 0));
    machine.run(10_000_000);
    let told = machine
        .scheduler
        .set_affinity(who(1, 0), Affinity { hard: 2, soft: !0 });
    assert_eq!(told, Some(CpuId(0)));
    machine.look(CpuId(0));
    machine.run(10_000_000);
    assert_eq!(machine.scheduler.running_on(who(1, 0)), Some(CpuId(1)));
}

#[test]
fn soft_affinity_is_a_wish() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 0);
    machine.vcpu(who(1, 0), Affinity { hard: !0, soft: 2 }, (0, 0));
    machine.run(50_000_000);
    assert_eq!(machine.scheduler.running_on(who(1, 0)), Some(CpuId(1)));
    // Both like pCPU 1: one of them takes the other rather than wait.
    machine.domain(2, 256, 0);
    machine.vcpu(who(2, 0), Affinity { hard: !0, soft: 2 }, (0, 0));
    machine.run(1_000_000_000);
    assert!(machine.share(2) > 0.9e9);
}

#[test]
fn a_pcpu_that_halts_gets_what_another_had_to_put_back() {
    let mut machine = Simulation::new(2);
    machine.domain(1, 256, 0);
    machine.domain(2, 256, 0);
    // Both pCPUs are busy, one of them for a moment only.
    machine.vcpu(who(1, 0), Affinity { hard: 1, soft: !0 }, (0, 0));
    machine.vcpu(who(1, 1), Affinity::default(), (0, 0));
    machine.vcpu(
        who(2, 0),
        Affinity { hard: 2, soft: !0 },
        (STEP, 1_000_000_000),
    );
    machine.run(1_000_000);
    assert!(machine.cpus.iter().all(Option::is_some));
}

#[test]
fn who_gives_way_is_passed_over_once() {
    let mut machine = Simulation::new(1);
    machine.domain(1, 256, 0);
    // The second one is far ahead: without the word it would wait for long.
    (0..2).for_each(|n| machine.vcpu(who(1, n), Affinity::default(), (0, 0)));
    machine.run(5_000_000);
    let runs = |machine: &Simulation| machine.cpus[0].unwrap().0;
    for _ in 0..20 {
        let (first, before) = (runs(&machine), machine.share(1));
        machine.give_way(CpuId(0));
        assert_ne!(runs(&machine), first);
        machine.run(STEP);
        assert!(machine.share(1) > before);
    }
    machine.run(1_000_000_000);
    let [a, b] = [0, 1].map(|n| machine.scheduler.ran_ns(who(1, n)) as f64);
    assert!(close(a, b, 5.0), "{a} {b}");
}

#[test]
fn giving_way_to_nobody_changes_nothing() {
    let mut machine = Simulation::new(1);
    machine.domain(1, 256, 0);
    machine.vcpu(who(1, 0), Affinity::default(), (0, 0));
    assert!(!machine.scheduler.give_way(CpuId(0), who(1, 0), machine.now));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the weights, habits and affinities: no pCPU idles while a vCPU that may run there
    /// waits, nobody starves, and where nothing but weight restrains, shares follow it.
    #[test]
    fn nobody_starves_and_no_pcpu_idles_in_vain(
        cpus in 1usize..5,
        domains in prop::collection::vec((1u16..2000, 1u32..5, 0u64..3, 1u64..16), 1..6),
    ) {
        let mut machine = Simulation::new(cpus);
        for (id, (weight, vcpus, sleepy, mask)) in domains.iter().enumerate() {
            let hard = mask & ((1 << cpus) - 1);
            let affinity = Affinity { hard: if hard == 0 { !0 } else { hard }, soft: !0 };
            machine.domain(id as u16, *weight, 0);
            for n in 0..*vcpus {
                machine.vcpu(who(id as u16, n), affinity, (sleepy * 3_000_000, 5_000_000));
            }
        }
        machine.run(200_000_000);
        let before: HashMap<Who, u64> =
            machine.habits.keys().map(|&who| (who, machine.scheduler.ran_ns(who))).collect();
        for _ in 0..100 {
            machine.run(1_000_000);
            for n in 0..cpus {
                let waits = machine.habits.keys().any(|&who| {
                    machine.scheduler.is_ready(who)
                        && machine.scheduler.running_on(who).is_none()
                        && machine.scheduler.affinity(who).unwrap().may(CpuId(n as u32))
                });
                prop_assert!(machine.cpus[n].is_some() || !waits, "pCPU {} idles", n);
            }
        }
        // The longest that the lightest may wait for one slice, with all the others before it.
        machine.run(120_000_000_000 / 16);
        for (who, ran) in before {
            prop_assert!(machine.scheduler.ran_ns(who) > ran, "{:?} starves", who);
        }
    }

    #[test]
    fn caps_hold_whatever_else_runs(cap in 5u16..180, vcpus in 1u32..4, busy in 0u32..4) {
        let mut machine = Simulation::new(2);
        machine.domain(1, 256, cap);
        (0..vcpus).for_each(|n| machine.vcpu(who(1, n), Affinity::default(), (0, 0)));
        machine.domain(2, 256, 0);
        (0..busy).for_each(|n| machine.vcpu(who(2, n), Affinity::default(), (0, 0)));
        machine.run(1_500_000_000);
        let bound = f64::from(cap) / 100.0 * 1.5e9;
        prop_assert!(machine.share(1) <= bound * 1.03 + 4e6, "{} of {}", machine.share(1), bound);
    }
}
