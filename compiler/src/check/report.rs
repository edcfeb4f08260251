//! Collecting findings, and naming what a person may have meant. Owns the bound on how many findings one compilation
//! reports. Invariant: an error is never dropped silently: past the bound `refused` still says so.
//! Must not know: what is checked.

use crate::diagnostics::{Code, Diagnostic, Severity};
use crate::source::{FileId, Span};
use crate::typed::{Fault, FaultShown, TypedExpr};
use crate::work::Work;
use std::ops::Range;

/// Most findings kept.
pub(crate) const FINDINGS_MAX: usize = 200;

/// Most faults before those of operations are no longer kept to be shown.
const FAULTS_MAX: usize = 32;

/// Most expressions in a condition that still grows.
const CONDITION_MAX: usize = 1024;

/// Most names looked at for one that may have been meant.
const CANDIDATES_MAX: usize = 512;

/// Findings so far.
#[derive(Default)]
pub(crate) struct Report {
    findings: Vec<Diagnostic>,
    refused: bool,
    /// Whether some error leaves no tree to go on with.
    broken: bool,
    faults: Vec<Fault>,
    /// What the compilation has done so far.
    pub(crate) work: Work,
    /// Whether the work ran out and the item before which it did has been named.
    stopped: bool,
}

impl Report {
    /// A report of a compilation that may take so much work.
    pub(crate) fn within(work_max: u64) -> Self {
        Self { work: Work::within(work_max), ..Self::default() }
    }

    /// A report of one part, which goes on counting the work.
    pub(crate) fn part(&self) -> Self {
        Self { work: self.work, stopped: self.stopped, ..Self::default() }
    }

    /// Goes on counting where a part ended.
    pub(crate) fn count_on(&mut self, part: &Self) {
        self.work = self.work.later(part.work);
        self.stopped |= part.stopped;
    }

    /// Whether there is work left for an item; a finding once there is none.
    pub(crate) fn may_begin(&mut self, name: &str, span: Span) -> bool {
        if !self.work.is_spent() {
            return true;
        }
        // What comes after it is not begun either, and needs no word of its own.
        if !std::mem::replace(&mut self.stopped, true) {
            let max = self.work.max();
            // It is told however much else there is to tell.
            self.findings.truncate(FINDINGS_MAX - 1);
            self.add(
                Diagnostic::new(
                    Code::TooLarge,
                    span,
                    format!("检查到 `{name}` 为止，全部源文件所需的步数已超过上限 {max}"),
                    format!("before `{name}`, checking all sources has taken more than the {max} steps allowed"),
                )
                .help(
                    "分几次编译互不引用的模块；`guiju check --work` 列出各项步数",
                    "compile modules that do not import one another separately; `guiju check --work` lists the steps",
                ),
            );
        }
        false
    }

    /// Adds a finding; past the bound only its severity is kept.
    pub(crate) fn add(&mut self, finding: Diagnostic) {
        self.broken |= finding.severity == Severity::Error;
        self.keep(finding);
    }

    /// Adds a finding that leaves the tree whole, so that the policy can still be run to show the fault.
    pub(crate) fn add_fault(&mut self, finding: Diagnostic, shown: FaultShown) {
        let finding_of = (finding.code, finding.primary);
        // What is typed twice is wrong once; and of operations only so many are shown.
        let wanted = matches!(shown, FaultShown::Table { .. }) || self.faults.len() < FAULTS_MAX;
        if wanted && self.faults.iter().all(|f| f.finding != finding_of) {
            self.faults.push(Fault { finding: finding_of, shown });
        }
        self.keep(finding);
    }

    /// How many faults there are so far.
    pub(crate) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Changes the conditions under which the faults of some operations show.
    pub(crate) fn change_faults(&mut self, which: Range<usize>, mut change: impl FnMut(TypedExpr) -> TypedExpr) {
        for fault in self.faults.get_mut(which).into_iter().flatten() {
            if let FaultShown::Operation { when, plainer } = &mut fault.shown
                && when.size() <= CONDITION_MAX
            {
                **when = change((**when).clone());
                plainer.iter_mut().for_each(|condition| *condition = change(condition.clone()));
            }
        }
    }

    /// Drops the faults from one on, where nothing can be run to show them; whether there were any.
    pub(crate) fn drop_faults(&mut self, from: usize) -> bool {
        let some = self.faults.len() > from;
        self.faults.truncate(from);
        self.broken |= some;
        some
    }

    fn keep(&mut self, finding: Diagnostic) {
        self.refused |= finding.severity == Severity::Error;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Adds all findings of another report.
    pub(crate) fn merge(&mut self, other: Self) {
        self.refused |= other.refused;
        self.broken |= other.broken;
        self.count_on(&other);
        self.faults.extend(other.faults);
        other.findings.into_iter().for_each(|f| self.keep(f));
    }

    /// The faults added so far, each once.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Gives a finding another witness, made of the one it has; a finding that was dropped stays so.
    pub(crate) fn show(&mut self, (code, primary): (Code, Span), witness: impl FnOnce(Option<String>) -> String) {
        let found = self.findings.iter_mut().find(|d| d.code == code && d.primary == primary);
        if let Some(finding) = found {
            finding.witness = Some(witness(finding.witness.take()));
        }
    }

    /// Drops what older versions linked into a policy only seem to lack there: that their parts are not needed, or cannot
    /// decide, under the transition's condition. By themselves they were judged where they are written.
    pub(crate) fn drop_echoes(&mut self, older: &[Span]) {
        let counted = self.findings.len() < FINDINGS_MAX;
        let inside = |d: &Diagnostic| {
            older.iter().any(|o| o.file == d.primary.file && o.start <= d.primary.start && d.primary.end <= o.end)
        };
        let echo = |d: &Diagnostic| {
            let dead = matches!(
                d.code,
                Code::DeadRow | Code::DeadException | Code::DeadArm | Code::Unused | Code::UnreachableValue
            );
            dead || d.severity != Severity::Error
        };
        self.findings.retain(|d| !(inside(d) && echo(d)));
        if counted {
            self.refused = self.findings.iter().any(|d| d.severity == Severity::Error);
        }
    }

    /// Makes a rule without effect an error where it is a transition's condition.
    pub(crate) fn refuse_dead_transitions(&mut self, titles: &[Span]) {
        for finding in &mut self.findings {
            if finding.code == Code::VacuousRule && titles.contains(&finding.primary) {
                let witness = finding.witness.take();
                *finding = Diagnostic::new(
                    Code::BadTransition,
                    finding.primary,
                    "过渡的条件恒真或恒假",
                    "the condition of the transition is always true, or never",
                );
                finding.witness = witness;
                self.refused = true;
            }
        }
    }

    /// Whether there is a finding of this code in the file.
    pub(crate) fn tells(&self, code: Code, file: FileId) -> bool {
        self.findings.iter().any(|d| d.code == code && d.primary.file == file)
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.findings.is_empty() && !self.refused
    }

    /// Whether any finding was an error that leaves no tree to go on with.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Whether any finding was an error.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// The findings in source order.
    pub(crate) fn into_findings(mut self) -> Vec<Diagnostic> {
        self.findings.sort_by_key(|d| (d.primary.file, d.primary.start, d.code, d.primary.end));
        // A fact that many tests inherit is wrong once.
        self.findings.dedup();
        self.findings
    }
}

/// The candidate nearest to `name` by edit distance, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(64).collect();
    let bound = wanted.len().div_ceil(2).min(3);
    candidates
        .take(CANDIDATES_MAX)
        .filter(|c| c.chars().take(65).count().min(64).abs_diff(wanted.len()) <= bound)
        .map(|c| (edit_distance(&wanted, c, bound), c))
        .filter(|(d, c)| *d <= bound && *d < c.chars().count())
        .min()
        .map(|(_, c)| c)
}

/// Edit distance where a swap of neighbours counts once, or a number above `bound` if it is greater than that: only so many
/// places beside the diagonal are looked at. Texts are cut at 64 characters.
fn edit_distance(a: &[char], b: &str, bound: usize) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![a.len() + b.len(); b.len() + 1];
        row[0] = i;
        for j in i.saturating_sub(bound).max(1)..=b.len().min(i + bound) {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
