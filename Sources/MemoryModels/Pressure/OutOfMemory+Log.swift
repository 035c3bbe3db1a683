import KernelTypes

extension OutOfMemory {
  /// The table of processes that the kernel logs (`oom_dump_tasks`), a line each, without time stamps.
  /// Follows `dump_tasks` and `dump_task` in mm/oom_kill.c, Linux 6.1.
  public func taskTable(_ tasks: [Task]) -> [String] {
    if settings.dumpsTasks == 0 { return [] }
    var lines = [
      "Tasks state (memory values in pages):",
      "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    ]
    for task in tasks where !task.isUnkillable {
      lines.append(
        "[\(Self.padded(task.pid, 7))] \(Self.padded(task.userID, 5)) \(Self.padded(task.threadGroup, 5)) "
          + "\(Self.padded(task.totalPages, 8)) \(Self.padded(task.residentPages, 8)) "
          + "\(Self.padded(task.pageTableBytes, 8)) \(Self.padded(task.swapPages, 8))         "
          + "\(Self.padded(task.adjustment, 5)) \(task.name)")
    }
    return lines
  }

  /// The line that says who was killed and what it had. Follows `__oom_kill_process` in mm/oom_kill.c, Linux 6.1.
  public func killLine(_ task: Task) -> String {
    func kilobytes(_ pages: Int) -> String { "\(pages * (pageSize / 1024))kB" }
    let message =
      settings.killsAllocatingTask != 0
      ? "Out of memory (oom_kill_allocating_task)" : "Out of memory"
    return
      "\(message): Killed process \(task.pid) (\(task.name)) total-vm:\(kilobytes(task.totalPages)), "
      + "anon-rss:\(kilobytes(task.anonymousPages)), file-rss:\(kilobytes(task.filePages)), "
      + "shmem-rss:\(kilobytes(task.sharedPages)), UID:\(task.userID) pgtables:\(task.pageTableBytes >> 10)kB "
      + "oom_score_adj:\(task.adjustment)"
  }

  /// The line that sums up why. Follows `dump_oom_summary` in mm/oom_kill.c, Linux 6.1.
  public func summaryLine(_ task: Task) -> String {
    "oom-kill:constraint=\(constraint.rawValue),nodemask=(null),task=\(task.name),pid=\(task.pid),uid=\(task.userID)"
  }

  /// A process read from a line of the kernel's own table; `nil` for other lines.
  ///
  /// The table has one number for all resident pages; they are taken as anonymous.
  public static func task(parsing line: String) -> Task? {
    guard let open = line.lastIndex(of: "["), let close = line[open...].firstIndex(of: "]"),
      let pid = Int(line[line.index(after: open)..<close].filter { $0 != " " })
    else { return nil }
    let words = line[line.index(after: close)...].split(
      separator: " ", maxSplits: 7, omittingEmptySubsequences: true)
    guard words.count == 8 else { return nil }
    let numbers = words.prefix(7).compactMap { Int($0) }
    guard numbers.count == 7, numbers.prefix(6).allSatisfy({ (0..<(1 << 48)).contains($0) }),
      (-1000...1000).contains(numbers[6])
    else { return nil }
    return Task(
      pid: pid, name: String(words[7]), userID: numbers[0], threadGroup: numbers[1],
      totalPages: numbers[2],
      anonymousPages: numbers[3], pageTableBytes: numbers[4], swapPages: numbers[5],
      adjustment: numbers[6])
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let text = "\(value)"
    return String(repeating: " ", count: max(width - text.utf8.count, 0)) + text
  }
}
