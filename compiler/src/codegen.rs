//! Native code for programs. Owns Cranelift: nothing else in the workspace names it.
//! Invariant: for every frame the code leaves exactly what `interpret::run` leaves; it never traps, reads only its frame,
//! writes only its outputs and trace; its pages are never writable and executable at once. Must not know: syntax, policies.

mod cell;
mod divide;
mod fold;
mod lower;

use crate::ir::{self, Expr, Program, VerifyFault};
use cranelift_codegen::ir::{AbiParam, FuncRef, GlobalValue, Signature, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{DataDescription, FuncId, Linkage, Module as _};
use guiju_runtime::date::words;
use guiju_runtime::module::{Entry, Module, Sizes};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Why there is no native code. The program can still be interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodegenFault {
    /// The program is not one that engines may see.
    Verify(VerifyFault),
    /// This machine is none that code can be made for.
    Machine(String),
    /// Code generation itself failed: a defect.
    Cranelift(String),
}

impl fmt::Display for CodegenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verify(fault) => write!(f, "program refused: {fault}"),
            Self::Machine(why) => write!(f, "no code can be made for this machine: {why}"),
            Self::Cranelift(why) => write!(f, "code generation failed: {why}"),
        }
    }
}

impl std::error::Error for CodegenFault {}

/// Compiles `program` for this machine. The work is bounded by the verifier's counts.
pub fn native(program: &Program) -> Result<Module, CodegenFault> {
    ir::verify(program).map_err(CodegenFault::Verify)?;
    let mut builder = JITBuilder::with_isa(target()?, cranelift_module::default_libcall_names());
    for (name, address) in Calendar::SYMBOLS {
        builder.symbol(name, address());
    }
    let mut code = Code(Some(JITModule::new(builder)));
    let Some(jit) = code.0.as_mut() else { return Err(CodegenFault::Cranelift("no module".to_owned())) };
    let id = define(jit, program)?;
    jit.finalize_definitions().map_err(failed)?;
    let address = jit.get_finalized_function(id);
    let sizes = Sizes {
        frame_words: program.frame_words as usize,
        outputs: program.outputs.len(),
        trace_points: program.trace_points as usize,
    };
    // SAFETY: `define` gave the function `Entry`'s signature; the verified program touches only the words `sizes` tells, and
    // calls only total functions of the calendar; the code stays mapped until `code` is dropped.
    unsafe {
        let entry = std::mem::transmute::<*const u8, Entry>(address);
        Ok(Module::new(entry, sizes, Box::new(code)))
    }
}

/// Code and the memory it lies in.
struct Code(Option<JITModule>);

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(jit) = self.0.take() {
            // SAFETY: the module that could call into this memory owns it and is being dropped; no pointer to it was given out.
            unsafe { jit.free_memory() };
        }
    }
}

fn failed(fault: impl fmt::Display) -> CodegenFault {
    CodegenFault::Cranelift(fault.to_string())
}

/// The machine this runs on, with the settings every policy is compiled with.
fn target() -> Result<OwnedTargetIsa, CodegenFault> {
    let mut flags = settings::builder();
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        // Buffers for counting distinct values may be larger than a guard page.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
        ("enable_verifier", verify),
    ] {
        flags.set(name, value).map_err(failed)?;
    }
    let machine = cranelift_native::builder().map_err(|why| CodegenFault::Machine(why.to_owned()))?;
    machine.finish(settings::Flags::new(flags)).map_err(|why| CodegenFault::Machine(why.to_string()))
}

/// A name that code calls, and where it lies.
type Symbol = (&'static str, fn() -> *const u8);

/// The functions of the calendar that code may call.
#[derive(Clone, Copy)]
struct Calendar {
    add_months: FuncRef,
    add_days: FuncRef,
    years_until: FuncRef,
    month_of: FuncRef,
}

impl Calendar {
    const SYMBOLS: [Symbol; 4] = [
        ("guiju_add_months", || words::add_months as *const u8),
        ("guiju_add_days", || words::add_days as *const u8),
        ("guiju_years_until", || words::years_until as *const u8),
        ("guiju_month_of", || words::month_of as *const u8),
    ];

    fn declare(jit: &mut JITModule, func: &mut cranelift_codegen::ir::Function) -> Result<Self, CodegenFault> {
        let mut declare = |index: usize, operands: usize| {
            let mut signature = jit.make_signature();
            signature.params = vec![AbiParam::new(types::I64); operands];
            signature.returns = vec![AbiParam::new(types::I64)];
            let id = jit.declare_function(Self::SYMBOLS[index].0, Linkage::Import, &signature).map_err(failed)?;
            Ok(jit.declare_func_in_func(id, func))
        };
        Ok(Self {
            add_months: declare(0, 2)?,
            add_days: declare(1, 2)?,
            years_until: declare(2, 2)?,
            month_of: declare(3, 1)?,
        })
    }
}

/// The words of lookups, by their content.
type Tables = BTreeMap<Vec<i64>, GlobalValue>;

/// Places the words of every lookup of the program as constant data.
fn tables(
    jit: &mut JITModule,
    func: &mut cranelift_codegen::ir::Function,
    program: &Program,
) -> Result<Tables, CodegenFault> {
    let mut wanted = BTreeSet::new();
    let mut waiting: Vec<&Expr> = program.steps.iter().map(|step| &step.expr).collect();
    while let Some(expr) = waiting.pop() {
        if let Expr::Lookup(_, _, words) = expr {
            wanted.insert(words.clone());
        }
        waiting.extend(expr.parts());
    }
    let mut placed = Tables::new();
    for words in wanted {
        let id = jit.declare_anonymous_data(false, false).map_err(failed)?;
        let mut data = DataDescription::new();
        data.set_align(8);
        data.define(words.iter().flat_map(|word| word.to_ne_bytes()).collect());
        jit.define_data(id, &data).map_err(failed)?;
        placed.insert(words, jit.declare_data_in_func(id, func));
    }
    Ok(placed)
}

/// Makes the one function of a program.
fn define(jit: &mut JITModule, program: &Program) -> Result<FuncId, CodegenFault> {
    let pointer = jit.target_config().pointer_type();
    if pointer != types::I64 {
        return Err(CodegenFault::Machine("pointers are not of 64 bits".to_owned()));
    }
    let signature = Signature { params: vec![AbiParam::new(types::I64); 3], ..jit.make_signature() };
    let id = jit.declare_function("guiju_policy", Linkage::Export, &signature).map_err(failed)?;
    let mut context = jit.make_context();
    context.func.signature = signature;
    let calendar = Calendar::declare(jit, &mut context.func)?;
    let tables = tables(jit, &mut context.func, program)?;
    let mut scratch = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut scratch);
    lower::program(&mut builder, calendar, &tables, program);
    builder.seal_all_blocks();
    builder.finalize(jit.target_config());
    jit.define_function(id, &mut context).map_err(failed)?;
    Ok(id)
}
