import KernelTypes

/// What the tasks of a Perfetto trace are called.
///
/// Its events only carry thread numbers; names come from the process tree and from the scheduler's events.
final class TaskNames {
  /// The most tasks that are kept: kernels have at most 4,194,304 at a time.
  private static let limit = 1 << 20
  // TASK_COMM_LEN less its NUL.
  private static let commBytes = 15

  private let strings: StringInterner
  private var names: [Int32: StringID] = [:]
  private let unknown: StringID

  init(_ strings: StringInterner) {
    self.strings = strings
    // What trace_find_cmdline prints.
    unknown = strings.intern("<...>")
    names[0] = strings.intern("<idle>")
  }

  /// The name of a thread as far as it is known, else `<...>` as the kernel prints it.
  func name(of thread: Int32) -> StringID { names[thread] ?? unknown }

  /// Sets the name of a thread, except the idle ones', which share number 0.
  func set(_ thread: Int32, _ name: WireCursor) {
    if thread == 0 || name.isAtEnd || names.count >= Self.limit { return }
    names[thread] = strings.intern(name.next, count: name.end - name.next)
  }

  /// Takes in a `ProcessTree` message (perfetto/trace/ps/process_tree.proto).
  func add(processTree: WireCursor) {
    var tree = processTree
    while !tree.isAtEnd {
      let key = tree.varint()
      switch key {
      case fieldKey(1, WireCursor.WireType.bytes): addProcess(tree.bytes())
      case fieldKey(2, WireCursor.WireType.bytes): addThread(tree.bytes())
      default: tree.skip(key)
      }
    }
  }

  private func addProcess(_ message: WireCursor) {
    var message = message
    var pid: Int32?
    var command: WireCursor?
    while !message.isAtEnd {
      let key = message.varint()
      switch key {
      case fieldKey(1, WireCursor.WireType.varint): pid = Int32(truncatingIfNeeded: message.varint())
      case fieldKey(3, WireCursor.WireType.bytes):
        let argument = message.bytes()
        if command == nil { command = argument }
      default: message.skip(key)
      }
    }
    // The scheduler's name for the main thread is the better one: a command line only resembles it.
    guard let pid, let command, names[pid] == nil else { return }
    set(pid, Self.comm(of: command))
  }

  private func addThread(_ message: WireCursor) {
    var message = message
    var thread: Int32?
    var name: WireCursor?
    while !message.isAtEnd {
      let key = message.varint()
      switch key {
      case fieldKey(1, WireCursor.WireType.varint): thread = Int32(truncatingIfNeeded: message.varint())
      case fieldKey(2, WireCursor.WireType.bytes): name = message.bytes()
      default: message.skip(key)
      }
    }
    if let thread, let name { set(thread, name) }
  }

  /// What execve makes of a command: the file's name without folders, cut to the kernel's length.
  private static func comm(of command: WireCursor) -> WireCursor {
    var start = command.next
    var cursor = start
    while cursor < command.end {
      cursor += 1
      if cursor[-1] == UInt8(ascii: "/"), cursor < command.end { start = cursor }
    }
    return WireCursor(start, min(command.end, start + commBytes))
  }
}
