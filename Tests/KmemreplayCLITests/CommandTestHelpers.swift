import KmemreplayCLI
import TestSupport
import TraceEvents

/// What a run of the tool left behind.
struct CommandResult {
  var status: ExitStatus
  var output: String
  var errors: String
}

/// Runs the tool in process; `trace` stands for whatever path the arguments name.
func run(_ arguments: String..., on trace: ScriptedTrace? = nil) -> CommandResult {
  let output = MemorySink()
  let errors = MemorySink()
  var environment = CommandEnvironment(output: output, errors: errors)
  if let trace {
    trace.rewind()
    environment.openTrace = { _ throws(TraceError) in OpenedTrace(source: trace) }
  }
  let status = CommandRunner.run(arguments, in: environment)
  return CommandResult(status: status, output: output.text, errors: errors.text)
}

/// Runs the tool in process on files.
func run(_ arguments: [String]) -> CommandResult {
  let output = MemorySink()
  let errors = MemorySink()
  let status = CommandRunner.run(arguments, in: CommandEnvironment(output: output, errors: errors))
  return CommandResult(status: status, output: output.text, errors: errors.text)
}

/// A small trace with two call sites, a marker and a free.
func smallTrace() -> ScriptedTrace {
  let trace = ScriptedTrace()
  trace.allocate(0xFFFF_8880_0000_1000, 100, 128, site: "alloc_pipe_info+0x5f/0x1a0")
  trace.mark("phase one")
  trace.allocate(0xFFFF_8880_0000_2000, 600, 1024, site: "seq_open+0x27/0x65")
  trace.free(0xFFFF_8880_0000_1000)
  return trace
}
