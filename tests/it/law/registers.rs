//! The second evaluator's world as sealed records would hold it, and a policy's evidence looked up in it by the policy's
//! own keys. Invariant: a record that is not there is absent where the register is complete, else unknown; a list is known
//! only where the register is complete. Must not know: what the law says.

use guiju_compiler::interpret;
use guiju_compiler::package::{Evidence, KeyTerm, Package, Policy};
use guiju_runtime::date::Date;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::json::fact_from_json;
use guiju_runtime::value::{Fact, GroupType, Type, Value};
use guiju_tests::second_evaluator::{Question, World};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const UNIT: &str = "329904001001GB00001F00000001";
const TALENT: &str = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U";

/// Records by certificate type, oldest first.
pub(crate) struct Registers(BTreeMap<String, Vec<Fact>>);

impl Registers {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a record that was built elsewhere.
    pub(crate) fn add(&mut self, schema: &str, fact: Fact) {
        self.0.entry(schema.to_owned()).or_default().push(fact);
    }

    /// Takes the newest record of a type away, as one that is superseded.
    pub(crate) fn take(&mut self, schema: &str) -> Option<Fact> {
        self.0.get_mut(schema)?.pop()
    }

    /// Everything in `world`.
    pub(crate) fn of(world: &World, package: &Package) -> Self {
        let mut all = Self::empty();
        let mut enter = |schema: &str, record: Json| {
            let found = package.schemas.iter().find(|s| s.name == schema).expect("the data standard has it");
            let fact =
                fact_from_json(&Type::Group(found.group.clone()), &record).unwrap_or_else(|e| panic!("{schema}: {e}"));
            all.add(schema, fact);
        };
        books(world, &mut enter);
        marriages(world, &mut enter);
        payments(world, &mut enter);
        property(world, &mut enter);
        all
    }

    fn find(&self, evidence: &Evidence, keys: &[String]) -> Vec<Value> {
        let records = self.0.get(&evidence.schema.name).map_or(&[][..], Vec::as_slice);
        let wanted: BTreeSet<&String> = keys.iter().collect();
        let filed = |fact: &&Fact| {
            let mut texts = Vec::new();
            if let Fact::Known(v) = fact {
                texts_at(v, &evidence.schema.group, &evidence.field, &mut texts);
            }
            texts.iter().any(|t| wanted.contains(t))
        };
        let known = |fact: &Fact| match fact {
            Fact::Known(v) => Some(v.clone()),
            _ => None,
        };
        records.iter().filter(filed).filter_map(known).collect()
    }

    /// What the custodians would find for `evidence` on `day`.
    fn fact(&self, evidence: &Evidence, keys: Option<Vec<String>>, day: Date) -> Fact {
        let Some(keys) = keys else { return Fact::Unknown };
        let complete = evidence.schema.complete_from.is_some_and(|from| day >= from);
        let found = self.find(evidence, &keys);
        match found.last() {
            _ if evidence.all && complete => Fact::Known(Value::List(found)),
            _ if evidence.all => Fact::Unknown,
            Some(newest) => Fact::Known(newest.clone()),
            // Nobody to look for, or nothing on file where everything is on file.
            None if complete || keys.is_empty() => Fact::Absent,
            None => Fact::Unknown,
        }
    }
}

/// A frame of `policy` with these inputs and the evidence its keys find.
pub(crate) fn frame(policy: &Policy, day: Date, inputs: &[(String, Fact)], registers: &Registers) -> Frame {
    framed(policy, day, inputs, registers).0
}

/// A frame, and what its text words mean.
pub(crate) fn framed(
    policy: &Policy,
    day: Date,
    inputs: &[(String, Fact)],
    registers: &Registers,
) -> (Frame, Interner) {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    let put = |frame: &mut Frame, root: usize, fact: &Fact, interner: &mut Interner| {
        frame.put(&policy.layout, root, fact, interner).unwrap_or_else(|e| panic!("{}: {e}", policy.name));
    };
    put(&mut frame, 0, &Fact::Known(Value::Date(day)), &mut interner);
    for (name, fact) in inputs {
        let root = policy.layout.root(name).expect("inputs are roots");
        put(&mut frame, root, fact, &mut interner);
    }
    for evidence in &policy.evidence {
        let keys = keys(policy, evidence, &frame, &interner);
        let fact = registers.fact(evidence, keys, day);
        put(&mut frame, evidence.root, &fact, &mut interner);
    }
    (frame, interner)
}

fn keys(policy: &Policy, evidence: &Evidence, frame: &Frame, interner: &Interner) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    for term in &evidence.keys {
        let words = match term {
            KeyTerm::One(e) => vec![interpret::run_expr(&policy.program, e, frame.words(), &[])],
            KeyTerm::Each { list, var, filter, value } => {
                interpret::run_each(list, *var, filter.as_ref(), value, frame.words())?
            }
        };
        for word in words {
            keys.push(interner.text(word.get()?)?.to_owned());
        }
    }
    Some(keys)
}

fn texts_at(value: &Value, group: &GroupType, path: &[String], out: &mut Vec<String>) {
    let (Value::Group(facts), Some((name, rest))) = (value, path.split_first()) else { return };
    let Some(index) = group.fields.iter().position(|f| f.name == *name) else { return };
    let inner = match &group.fields[index].ty {
        Type::Group(g) => Some(g),
        Type::List { element, .. } => match &**element {
            Type::Group(g) => Some(g),
            _ => None,
        },
        _ => None,
    };
    match (&facts[index], inner) {
        (Fact::Known(Value::Text(t)), _) if rest.is_empty() => out.push(t.clone()),
        (Fact::Known(Value::List(items)), Some(g)) => items.iter().for_each(|v| texts_at(v, g, rest, out)),
        (Fact::Known(v), Some(g)) => texts_at(v, g, rest, out),
        _ => {}
    }
}

fn books(world: &World, enter: &mut dyn FnMut(&str, Json)) {
    for (n, book) in world.books.iter().enumerate() {
        let members: Vec<Json> = book
            .members
            .iter()
            .map(|m| {
                json!({"身份号": m.id, "曾用身份号": m.former, "姓名": "某人", "关系": "其他亲属", "性别": "男",
                    "出生日": m.birth.to_string(), "监护人一": m.guardians[0], "监护人二": m.guardians[1],
                    "迁入日": m.moved_in.to_string(), "迁出日": m.left.map(|d| d.to_string())})
            })
            .collect();
        let district = book.local.then_some("玄武区");
        let place = if book.local { "本市" } else { "外市" };
        let record = json!({"户号": format!("{n}"), "户别": "家庭户", "户籍": place, "所在区": district, "住址": "某处", "成员": members});
        enter("居民户口簿", record);
    }
}

fn marriages(world: &World, enter: &mut dyn FnMut(&str, Json)) {
    let people: BTreeSet<&String> = world.marriages.iter().flat_map(|m| &m.couple).collect();
    for person in people {
        let mine = world.marriages.iter().filter(|m| m.couple.contains(person));
        let history: Vec<Json> = mine
            .map(|m| {
                let other = if m.couple[0] == *person { &m.couple[1] } else { &m.couple[0] };
                let way = m.end.map(|_| "协议离婚");
                json!({"配偶": other, "登记日": m.from.to_string(), "终止日": m.end.map(|d| d.to_string()), "终止方式": way})
            })
            .collect();
        enter("婚姻登记", json!({"身份号": person, "状况": "未说明", "经历": history}));
    }
}

fn payments(world: &World, enter: &mut dyn FnMut(&str, Json)) {
    for (person, rows) in &world.insurance {
        let rows: Vec<Json> = rows
            .iter()
            .map(|r| {
                let kind = if r.back_paid { "补缴" } else { "正常缴费" };
                json!({"所属月": r.month.to_string(), "到账日": r.posted.to_string(), "类型": kind, "单位": null})
            })
            .collect();
        enter("社保缴费", json!({"身份号": person, "缴费": rows}));
    }
    for (person, rows) in &world.tax {
        let rows: Vec<Json> = rows
            .iter()
            .map(|r| {
                let kind = if r.afterwards { "补充申报" } else { "正常申报" };
                let item = if r.trade { "经营所得" } else { "工资薪金" };
                json!({"所属月": r.month.to_string(), "入库日": r.paid.to_string(), "类型": kind, "项目": item, "零税额": r.zero,
                    "扣缴义务人": null})
            })
            .collect();
        enter("纳税记录", json!({"身份号": person, "纳税": rows}));
    }
    for t in &world.talents {
        let class = if t.recognised { "丙类" } else { "未认定" };
        let degree = if t.degree { "高级职称" } else { "无此项" };
        let record = json!({"身份号": t.id, "证号": TALENT, "类别": class, "学历职称": degree, "出生日": t.birth.to_string(),
            "本市劳动合同": t.employed_here, "颁发日": t.valid.0.to_string(), "有效期至": t.valid.1.to_string()});
        enter("人才证书", record);
    }
}

fn property(world: &World, enter: &mut dyn FnMut(&str, Json)) {
    for (n, t) in world.titles.iter().enumerate() {
        let owners: Vec<Json> = t.owners.iter().map(|o| json!({"身份号": o, "姓名": "某人", "份额": 50})).collect();
        let usage = if t.home { "住宅" } else { "非住宅" };
        let state = if t.current { "现势" } else { "历史" };
        let record = json!({"证号": format!("第{n}号"), "单元": UNIT, "权利人": owners, "所在区": "秦淮区", "坐落": "某处", "用途": usage,
            "面积": 8000, "取得方式": "买卖", "登记日": t.registered.to_string(), "终止日": t.ended.map(|d| d.to_string()), "状态": state});
        enter("不动产权证书", record);
    }
    for c in &world.contracts {
        let buyers: Vec<Json> = c.buyers.iter().map(|b| json!({"身份号": b, "姓名": "某人"})).collect();
        let kind = kind(c.new_build);
        let state = if c.cancelled { "已注销" } else { "已备案" };
        let record = json!({"合同号": c.number, "房源": kind, "所在区": c.district, "单元": UNIT, "买受人": buyers, "出卖人": [],
            "价款": 1, "签订日": c.signed.to_string(), "备案日": c.filed.to_string(), "状态": state});
        enter("网签合同", record);
    }
}

fn kind(new_build: bool) -> &'static str {
    if new_build { "新建商品住房" } else { "存量住房" }
}

/// What `policy` asks of the asker of `question`.
pub(crate) fn inputs(policy: &Policy, question: &Question) -> Vec<(String, Fact)> {
    let fit = |(name, ty): &(String, Type)| {
        let text = match name.as_str() {
            "申请人" => &question.applicant,
            "合同号" => &question.contract,
            "区域" => question.district,
            "房源" => kind(question.new_build),
            other => panic!("no input {other} is known"),
        };
        (name.clone(), fact_from_json(ty, &json!(text)).expect("inputs fit"))
    };
    policy.inputs.iter().map(fit).collect()
}
