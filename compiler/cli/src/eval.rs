//! `guiju eval`: one case decided. Owns the choice of the version in force and the JSON of an answer.
//! Invariant: facts that do not fit the policy are a fault of the use, never guessed at. Must not know: engines' inside.

use crate::Ending;
use crate::command::{Eval, EvalEngine};
use crate::reasons::{citation_json, reasons_json};
use crate::report::Report;
use crate::sources;
use guiju_compiler::codegen;
use guiju_compiler::diagnostics::Text;
use guiju_compiler::explain::{Explanation, Reasons, explain, reasons};
use guiju_compiler::interpret;
use guiju_compiler::package::{Package, Policy, compile};
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::json::{fact_from_json, parse_date};
use guiju_runtime::value::{Fact, Value};
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most bytes of facts that are read.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Shanghai is eight hours ahead, all year.
const SHANGHAI_SECONDS: u64 = 8 * 3600;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Eval, report: &mut Report) -> Ending {
    let Ok(files) = sources::read(&arguments.policies, report) else { return Ending::Usage };
    let compiled = compile(&files);
    let refused = report.diagnostics(&files, &compiled.diagnostics);
    let Some(package) = compiled.package.filter(|_| !refused) else { return report.end(Ending::Fault) };
    let answer = as_of(arguments.as_of.as_deref())
        .and_then(|day| policy(&package, &arguments.policy, day).map(|policy| (policy, day)))
        .and_then(|(policy, day)| decide(arguments, policy, day).map(|answer| (policy, day, answer)));
    match answer {
        Ok((policy, day, (explanation, reasons))) => {
            if arguments.json {
                let text = answer_json(policy, day, &explanation, reasons.as_ref()).to_string();
                report.line(&text, &text);
            } else {
                print(policy, day, &explanation, reasons.as_ref(), report);
            }
            report.end(Ending::Well)
        }
        Err(why) => {
            report.complain(&why.zh, &why.en);
            report.end(Ending::Usage)
        }
    }
}

/// The as-of date given, or today in Shanghai.
fn as_of(given: Option<&str>) -> Result<Date, Text> {
    let Some(written) = given else {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let days = i64::try_from((seconds + SHANGHAI_SECONDS) / 86_400).ok();
        return days.and_then(Date::from_days).ok_or_else(|| Text::new("系统时钟不可用", "the clock cannot be used"));
    };
    parse_date(written).ok_or_else(|| Text::new(format!("`{written}` 不是日期"), format!("`{written}` is not a date")))
}

/// The version of the policy that is in force on `day`.
fn policy<'a>(package: &'a Package, name: &str, day: Date) -> Result<&'a Policy, Text> {
    let named: Vec<&Policy> = package
        .policies
        .iter()
        .map(AsRef::as_ref)
        .filter(|policy| policy.name == name || format!("{}.{}", policy.module, policy.name) == name)
        .collect();
    if named.is_empty() {
        let mut known: Vec<&str> = package.policies.iter().map(|policy| policy.name.as_str()).collect();
        known.dedup();
        let known = known.join(", ");
        return Err(Text::new(
            format!("没有名为 `{name}` 的策略; 有 {known}"),
            format!("no policy is named `{name}`; there are {known}"),
        ));
    }
    let mut found = named.iter().copied().filter(|policy| policy.in_force_on(day));
    match (found.next(), found.next()) {
        (Some(policy), None) => Ok(policy),
        (Some(one), Some(other)) => Err(Text::new(
            format!("`{name}` 有两个: `{}.{name}` 和 `{}.{name}`; 请写全名", one.module, other.module),
            format!("`{name}` is both `{}.{name}` and `{}.{name}`; give the full name", one.module, other.module),
        )),
        _ => {
            let versions: Vec<String> = named.iter().map(|policy| policy.interval()).collect();
            let (day, versions) = (shown(day), versions.join(", "));
            Err(Text::new(
                format!("`{name}` 在 {day} 没有施行的版本; 有 {versions}"),
                format!("no version of `{name}` is in force on {day}; there are {versions}"),
            ))
        }
    }
}

fn shown(date: Date) -> String {
    let (year, month, day) = date.civil();
    format!("{year:04}-{month:02}-{day:02}")
}

/// Reads the facts, runs the engine and explains; with the reasons if they are asked for.
fn decide(arguments: &Eval, policy: &Policy, day: Date) -> Result<(Explanation, Option<Reasons>), Text> {
    let facts = read_facts(&arguments.input)?;
    let frame = frame(policy, day, &facts)?;
    let evaluation = match arguments.engine {
        EvalEngine::Interpret => interpret::run(&policy.program, frame.words()),
        EvalEngine::Native => {
            let fault = |fault: &dyn std::fmt::Display| {
                Text::new(format!("机器码出错: {fault}"), format!("native code failed: {fault}"))
            };
            let module = codegen::native(&policy.program).map_err(|why| fault(&why))?;
            let mut evaluation = Evaluation::default();
            module.run(&frame, &mut evaluation).map_err(|why| fault(&why))?;
            evaluation
        }
    };
    let why = arguments.explain.then(|| reasons(policy, frame.words(), &evaluation));
    Ok((explain(policy, frame.words(), &evaluation), why))
}

fn read_facts(path: &Path) -> Result<serde_json::Map<String, Json>, Text> {
    let wrong = |zh: String, en: String| {
        let path = path.display();
        Text::new(format!("{path}: {zh}"), format!("{path}: {en}"))
    };
    let unreadable = |why: std::io::Error| wrong(format!("读不了: {why}"), format!("cannot be read: {why}"));
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(wrong("文件太大".to_owned(), "the file is too large".to_owned()));
    }
    match serde_json::from_str(&text) {
        Ok(Json::Object(facts)) => Ok(facts),
        Ok(_) => Err(wrong("应为一个对象".to_owned(), "it must be one object".to_owned())),
        Err(why) => Err(wrong(format!("不是 JSON: {why}"), format!("not JSON: {why}"))),
    }
}

/// The frame of the facts. What is not given is unknown.
fn frame(policy: &Policy, day: Date, facts: &serde_json::Map<String, Json>) -> Result<Frame, Text> {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    let mut put = |root: usize, fact: &Fact| {
        frame.put(&policy.layout, root, fact, &mut interner).map_err(|why| Text::new(why.to_string(), why.to_string()))
    };
    put(0, &Fact::Known(Value::Date(day)))?;
    for (name, json) in facts {
        // Root 0 is the as-of date, which the option gives.
        let Some(root) = policy.layout.root(name).filter(|root| *root > 0) else {
            let known: Vec<&str> = policy.layout.roots.iter().skip(1).map(|root| root.name.as_str()).collect();
            let known = known.join(", ");
            return Err(Text::new(
                format!("`{}` 没有 `{name}`; 有 {known}", policy.name),
                format!("`{}` has no `{name}`; it has {known}", policy.name),
            ));
        };
        let Some(kind) = policy.layout.roots.get(root).map(|root| &root.ty) else { continue };
        let fact = fact_from_json(kind, json).map_err(|why| {
            let place = if why.path.is_empty() { name.clone() } else { format!("{name}.{}", why.path) };
            Text::new(format!("{place}: {}", why.zh), format!("{place}: {}", why.en))
        })?;
        let input = policy.inputs.iter().position(|(input, _)| input == name);
        let required = input.is_some_and(|input| !policy.input_optional.get(input).copied().unwrap_or(false));
        if required && fact == Fact::Absent {
            return Err(Text::new(format!("`{name}` 不能为无"), format!("`{name}` cannot be absent")));
        }
        put(root, &fact)?;
    }
    Ok(frame)
}

fn print(policy: &Policy, day: Date, explanation: &Explanation, why: Option<&Reasons>, report: &mut Report) {
    let (name, version, day) = (&policy.name, policy.interval(), shown(day));
    report.line(&format!("{name} 版本 {version} 于 {day}"), &format!("{name} version {version} on {day}"));
    if let Some(why) = why {
        let text = why.text(report.language);
        report.text(&text);
        return;
    }
    for outcome in &explanation.outcomes {
        let value = outcome.value.as_deref().unwrap_or(report.pick("待定", "undetermined"));
        let mut line = format!("{} = {value}", outcome.name);
        if let Some(reason) = &outcome.reason {
            line = format!("{line} ({reason})");
        }
        report.text(&format!("{line}\n"));
    }
    if !explanation.missing.is_empty() {
        let zh = format!("缺证: {}", explanation.missing.join("、"));
        report.line(&zh, &format!("missing: {}", explanation.missing.join(", ")));
    }
}

/// The answer as one object; with reasons, the reason tree of `reasons.rs` under each outcome.
fn answer_json(policy: &Policy, day: Date, explanation: &Explanation, why: Option<&Reasons>) -> Json {
    let outcomes: Vec<Json> = explanation
        .outcomes
        .iter()
        .enumerate()
        .map(|(index, outcome)| {
            let mut entry = json!({
                "name": outcome.name,
                "value": outcome.value,
                "reason": outcome.reason,
                "citation": outcome.citation.as_ref().map(citation_json),
                "missing": outcome.missing,
            });
            if let Some(reasons) = why.and_then(|w| w.outcomes.get(index)) {
                entry["reasons"] = reasons_json(reasons);
            }
            entry
        })
        .collect();
    json!({
        "policy": policy.name,
        "module": policy.module,
        "version": policy.version,
        "effective_from": shown(policy.effective_from),
        "effective_to": policy.effective_to.map(shown),
        "as_of": shown(day),
        "outcomes": outcomes,
        "missing": explanation.missing,
    })
}
