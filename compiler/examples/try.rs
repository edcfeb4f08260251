use guiju_compiler::{ast::Language, diagnostics::render, package::compile, source::SourceFile, testing};
fn main() {
    let files: Vec<SourceFile> = std::env::args().skip(1).map(|p| SourceFile { text: std::fs::read_to_string(&p).unwrap(), name: p }).collect();
    let t = std::time::Instant::now();
    let c = compile(&files);
    for d in &c.diagnostics { print!("{}", render::plain(&files, d, Language::Zh)); }
    let Some(p) = c.package else { println!("REFUSED {:?}", t.elapsed()); return };
    println!("{} policies {} sharings {} schemas {:?}", p.policies.len(), p.sharings.len(), p.schemas.len(), t.elapsed());
    for x in &p.policies { println!("{} v{} cost {} frame {} steps {} bits {:?}", x.name, x.version, x.cost, x.layout.words, x.program.steps.len(), x.releases); }
    let mut bad = 0; let mut n = 0;
    for r in testing::run(&p, testing::Engine::Both) { n += 1; if !r.passed() { bad += 1; println!("FAIL {}\n{}", r.title, r.text(Language::Zh)); } }
    println!("{n} tests, {bad} failed");
}
