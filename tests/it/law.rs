//! The shipped law judged from outside: golden households and thousands of drawn ones, by both engines and by a second
//! evaluator that was written from the notices. Expected values never come from an engine.

mod contracts;
mod households;
mod registers;

use guiju_compiler::codegen;
use guiju_compiler::interpret;
use guiju_compiler::package::{Package, Policy, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{self, Engine};
use guiju_node::city;
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::Frame;
use guiju_runtime::module::Module;
use guiju_runtime::value::{Fact, Value};
use guiju_tests::second_evaluator::{Answer, FIRST_DAYS, Question, World, decide, version_on};
use registers::Registers;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Households drawn in the cross-check.
const DRAWN: u64 = 6_000;

static SHIPPED: LazyLock<Package> = LazyLock::new(|| package("policies"));

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn sources(folder: &Path, out: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("readable").map(|e| e.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "gj") {
            out.push(SourceFile {
                name: path.display().to_string(),
                text: std::fs::read_to_string(&path).expect("readable"),
            });
        }
    }
}

fn package(folder: &str) -> Package {
    let mut files = Vec::new();
    sources(&root().join(folder), &mut files);
    let compiled = compile(&files);
    assert!(compiled.diagnostics.is_empty(), "{folder} compiles without a word: {:?}", compiled.diagnostics);
    compiled.package.expect("no diagnostics, so a package")
}

/// The versions of 购房资格 with their native code.
struct Purchase(Vec<(Arc<Policy>, Module)>);

impl Purchase {
    fn load() -> Self {
        let mut versions: Vec<Arc<Policy>> =
            SHIPPED.policies.iter().filter(|p| p.name == "购房资格").cloned().collect();
        versions.sort_by_key(|p| p.version);
        let native = |p: Arc<Policy>| {
            let module = codegen::native(&p.program).expect("native code");
            (p, module)
        };
        Self(versions.into_iter().map(native).collect())
    }

    fn answer(&self, world: &World, question: &Question) -> Answer {
        let (policy, module) = &self.0[version_on(question.day) - 1];
        let inputs = registers::inputs(policy, question);
        let frame = registers::frame(policy, question.day, &inputs, &Registers::of(world, &SHIPPED));
        match value(policy, 0, &both(policy, module, &frame)).as_deref() {
            Some("符合") => Answer::Eligible,
            Some("不符合") => Answer::Ineligible,
            Some("需核实") => Answer::Review,
            None => Answer::Undetermined,
            Some(other) => panic!("no outcome {other} is known"),
        }
    }
}

/// One evaluation on which interpreter and native code agree, outcome and trace.
fn both(policy: &Policy, module: &Module, frame: &Frame) -> Evaluation {
    let meaning = interpret::run(&policy.program, frame.words());
    let mut native = Evaluation::default();
    module.run(frame, &mut native).expect("the frame is the policy's");
    assert_eq!(meaning, native, "{} version {}: the engines differ", policy.name, policy.version);
    meaning
}

fn value(policy: &Policy, outcome: usize, evaluation: &Evaluation) -> Option<String> {
    let outcome = &policy.outcomes[outcome];
    let word = evaluation.outputs[outcome.output].get()?;
    Some(outcome.values[usize::try_from(word).expect("an index")].clone())
}

#[test]
fn tests_in_the_files_pass_on_both_engines() {
    let examples = std::fs::read_dir(root().join("examples")).expect("readable");
    let examples = examples.map(|e| e.expect("readable").file_name().into_string().expect("plain names"));
    let mut folders: Vec<String> = examples.map(|name| format!("examples/{name}")).collect();
    folders.sort();
    assert!(folders.len() >= 3, "the examples are there: {folders:?}");
    folders.push("policies".to_owned());
    for folder in &folders {
        let package = package(folder);
        let reports = testing::run(&package, Engine::Both);
        let failed: Vec<String> =
            reports.iter().filter(|r| !r.passed()).map(|r| format!("{}: {:?}", r.title, r.failures)).collect();
        assert!(failed.is_empty(), "{folder}: {failed:#?}");
        assert!(!reports.is_empty(), "{folder} has tests");
    }
}

#[test]
fn every_shipped_policy_has_tests_for_each_of_its_outcomes() {
    use guiju_compiler::package::Expected;
    for (index, policy) in SHIPPED.policies.iter().enumerate() {
        let tests = SHIPPED.tests.iter().filter(|t| t.policy_index == index);
        let expected: BTreeSet<(usize, Option<u16>)> = tests
            .flat_map(|t| &t.expect)
            .filter_map(|e| match e {
                Expected::Outcome(outcome, value) => Some((*outcome, *value)),
                _ => None,
            })
            .collect();
        for (o, outcome) in policy.outcomes.iter().enumerate() {
            for (v, name) in outcome.values.iter().enumerate() {
                let found = expected.contains(&(o, Some(v as u16)));
                assert!(found, "{} version {}: no test expects {} = {name}", policy.name, policy.version, outcome.name);
            }
        }
    }
}

#[test]
fn versions_follow_one_another_without_gap_or_overlap() {
    let purchase = Purchase::load();
    assert_eq!(purchase.0.len(), FIRST_DAYS.len());
    for (i, (policy, _)) in purchase.0.iter().enumerate() {
        assert_eq!(policy.version as usize, i + 1);
        assert_eq!(policy.effective_from.civil(), FIRST_DAYS[i], "version {}", policy.version);
        let next = purchase.0.get(i + 1).map(|(p, _)| p.effective_from.add_days(-1));
        assert_eq!(policy.effective_to, next, "version {} ends the day before the next begins", policy.version);
    }
}

#[test]
fn golden_households_are_decided_alike_by_three() {
    let purchase = Purchase::load();
    let cases = households::golden(&root().join("tests/suite/law/purchase.json"));
    assert!(cases.len() >= 14 * 7, "four golden households and ten adversarial ones");
    for case in &cases {
        let title = format!("{} on {} ({})", case.title, case.question.day, case.about);
        assert_eq!(decide(&case.world, &case.question), case.expected, "second evaluator: {title}");
        assert_eq!(purchase.answer(&case.world, &case.question), case.expected, "engines: {title}");
    }
}

#[test]
fn drawn_households_are_decided_alike_by_three() {
    let purchase = Purchase::load();
    let mut seen: BTreeMap<(usize, Answer), u32> = BTreeMap::new();
    for seed in 0..DRAWN {
        let (world, question) = households::drawn(seed);
        let second = decide(&world, &question);
        assert_eq!(purchase.answer(&world, &question), second, "seed {seed}: {question:?} {world:#?}");
        *seen.entry((version_on(question.day), second)).or_default() += 1;
    }
    for version in 1..=7 {
        let possible = match version {
            7 => vec![Answer::Eligible, Answer::Review],
            2..=5 => vec![Answer::Eligible, Answer::Ineligible, Answer::Review, Answer::Undetermined],
            _ => vec![Answer::Eligible, Answer::Ineligible, Answer::Review],
        };
        for answer in possible {
            let times = seen.get(&(version, answer)).copied().unwrap_or(0);
            assert!(times >= 3, "version {version} gave {answer:?} only {times} times: {seen:?}");
        }
    }
}

#[test]
fn a_city_is_the_same_twice_and_its_records_fit() {
    let first = city::generate(7, 2_000, &SHIPPED).expect("the shipped standard");
    assert_eq!(first, city::generate(7, 2_000, &SHIPPED).expect("the shipped standard"));
    assert_ne!(first.records, city::generate(8, 2_000, &SHIPPED).expect("the shipped standard").records);
    for record in &first.records {
        let schema = SHIPPED.schemas.iter().find(|s| s.name == record.schema).expect("declared");
        guiju_runtime::schema::check(&guiju_runtime::value::Type::Group(schema.group.clone()), &record.fact)
            .expect("fits");
        assert_eq!(schema.owner, record.owner);
    }
    let ids: BTreeSet<&String> = first.households.iter().flatten().collect();
    assert_eq!(ids.len(), first.summary.persons as usize, "no number twice");
    assert!(ids.iter().all(|id| id.starts_with("3299")), "no number of a real district");
}

/// Numbers of the contracts of a city that were signed before `day`.
fn signed_before(city: &city::City, day: Date) -> BTreeSet<String> {
    let schema = SHIPPED.schemas.iter().find(|s| s.name == "网签合同").expect("declared");
    let field = |name: &str| schema.group.fields.iter().position(|f| f.name == name).expect("declared");
    let (number, signed) = (field("合同号"), field("签订日"));
    let contracts = city.records.iter().filter(|r| r.schema == schema.name);
    let old = contracts.filter_map(|r| {
        let Fact::Known(Value::Group(facts)) = &r.fact else { return None };
        match (&facts[number], &facts[signed]) {
            (Fact::Known(Value::Text(n)), Fact::Known(Value::Date(d))) if *d < day => Some(n.clone()),
            _ => None,
        }
    });
    old.collect()
}

#[test]
fn a_city_has_every_answer_and_its_race_units_are_free() {
    let city = city::generate(2026, 4_000, &SHIPPED).expect("the shipped standard");
    let mut registers = Registers::empty();
    city.records.iter().for_each(|r| registers.add(&r.schema, r.fact.clone()));
    let purchase = Purchase::load();
    let mut seen: BTreeMap<Option<String>, u32> = BTreeMap::new();
    for applicant in &city.applicants {
        let (policy, module) = &purchase.0[version_on(applicant.as_of) - 1];
        let inputs = applicant.inputs(policy).expect("the city knows the inputs");
        let frame = registers::frame(policy, applicant.as_of, &inputs, &registers);
        *seen.entry(value(policy, 0, &both(policy, module, &frame))).or_default() += 1;
    }
    for answer in [Some("符合".to_owned()), Some("不符合".to_owned()), None] {
        assert!(seen.get(&answer).copied().unwrap_or(0) >= 10, "{answer:?} among {seen:?}");
    }
    let old = signed_before(&city, Date::new(2017, 3, 16).expect("a real day"));
    let by_transition = |a: &&city::Applicant| (4..=6).contains(&version_on(a.as_of)) && old.contains(&a.contract);
    assert!(city.applicants.iter().filter(by_transition).count() >= 3, "some are left to the rules before");
    assert_eq!(city.race_units.len(), city::RACE_UNITS);
    for (name, expected) in [("权利负担核查", "可转移"), ("查封登记", "准予查封"), ("二手房转移登记", "准予登记")]
    {
        let policy = SHIPPED.policies.iter().find(|p| p.name == name).expect("shipped");
        let module = codegen::native(&policy.program).expect("native code");
        for unit in &city.race_units {
            let inputs: Vec<(String, Fact)> = unit.inputs(policy).expect("the city knows the inputs");
            let day = Date::new(2026, 11, 25).expect("a real day");
            let evaluation = both(policy, &module, &registers::frame(policy, day, &inputs, &registers));
            assert_eq!(value(policy, 0, &evaluation).as_deref(), Some(expected), "{name} of {}", unit.unit);
        }
    }
}
