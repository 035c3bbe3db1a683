import FoundationEssentials
import Glibc
import KmemreplayCLI
import TestSupport
import Testing

/// Runs Tools/capture against directories that look like tracefs and /proc: what it sets, what it leaves, what it puts back.
@Suite(.serialized) struct CaptureScriptTests {
  private static let script =
    #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Tools/capture"

  /// A machine made of files. Its `mkdir` makes instances as tracefs does, its `rmdir` notes what was in them.
  private final class Machine {
    let root: String

    init() throws {
      root = try CapturedSnapshots.directory([
        "tracefs/trace": "# tracer: nop\n", "tracefs/instances/.keep": "", "tracefs/saved_cmdlines_size": "128\n",
        "tracefs/events/kmem/enable": "0\n", "template/tracing_on": "1\n", "template/buffer_size_kb": "7\n",
        "template/trace_clock": "[local] global\n", "template/options/hash-ptr": "1\n",
        "template/options/record-cmd": "1\n", "template/options/event-fork": "0\n",
        "template/options/stacktrace": "0\n", "template/set_event_pid": "", "template/trace_marker": "",
        "template/events/kmem/enable": "0\n", "template/events/exceptions/enable": "0\n",
        "template/per_cpu/cpu0/stats": "entries: 1\noverrun: 3\ncommit overrun: 0\ndropped events: 0\n",
        "template/trace": """
        # tracer: nop
        #
        # entries-in-buffer/entries-written: 1/4   #P:1
        #
                    bash-8242    [000] .....  1423.994636: kmalloc: call_site=a+0x1/0x2 ptr=ffff888000001000 \
        bytes_req=10 bytes_alloc=16 gfp_flags=GFP_KERNEL node=-1 accounted=false

        """,
        "proc/meminfo": "MemTotal:        2048000 kB\nMemAvailable:    1024000 kB\n",
        "proc/version": "Linux version 6.1.0\n", "proc/sys/kernel/kptr_restrict": "1\n",
        "proc/buddyinfo":
          "Node 0, zone      DMA      1      0      0      0      0      0      0      0      1      1      3\n",
        "proc/kallsyms": "ffffffff81000000 T _text\n", "proc/sys/vm/swappiness": "60\n",
        "bin/mkdir": """
        #!/bin/sh
        case $1 in
        */instances/*) /bin/cp -R "$FAKE/template" "$1" ;;
        *) exec /bin/mkdir "$@" ;;
        esac

        """,
        "bin/rmdir": """
        #!/bin/sh
        cd "$1" && grep -r . . | sort >"$FAKE/instance.log"
        /bin/rm -rf "$1"

        """,
      ])
      for name in ["mkdir", "rmdir"] { chmod(root + "/bin/" + name, 0o755) }
    }

    deinit { CapturedSnapshots.remove(root) }

    func text(_ path: String) -> String { (try? String(contentsOfFile: root + "/" + path, encoding: .utf8)) ?? "" }
    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }
    var instances: [String] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: root + "/tracefs/instances")) ?? []
      return names.filter { $0 != ".keep" }
    }

    /// Starts the script; its output goes to `capture.log`.
    func start(_ arguments: String...) throws -> pid_t {
      let words = ["sh", CaptureScriptTests.script] + arguments
      let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      let environment = [
        "PATH=\(root)/bin:\(path)", "FAKE=\(root)", "KMEMREPLAY_TRACEFS=\(root)/tracefs",
        "KMEMREPLAY_PROC=\(root)/proc",
        "KMEMREPLAY_SYS=\(root)/sys",
      ]
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      defer { posix_spawn_file_actions_destroy(&actions) }
      for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
        posix_spawn_file_actions_addopen(
          &actions, descriptor, root + "/capture.log", O_WRONLY | O_CREAT | O_APPEND, 0o644)
      }
      var process = pid_t()
      var words2 = words.map { strdup($0) } + [nil]
      var environment2 = environment.map { strdup($0) } + [nil]
      defer { for text in words2 + environment2 { free(text) } }
      let status = posix_spawn(&process, "/bin/sh", &actions, nil, &words2, &environment2)
      try #require(status == 0)
      return process
    }

    /// The exit status of a process.
    func wait(_ process: pid_t) -> Int32 {
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0, errno == EINTR {}
      return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
  }

  private func info(_ path: String) -> (status: KmemreplayCLI.ExitStatus, output: String) {
    let output = MemorySink()
    let status = CommandRunner.run(["info", path], in: CommandEnvironment(output: output, errors: MemorySink()))
    return (status, output.text)
  }

  @Test func aTimedRecordingSetsTheInstanceUpAndPutsEverythingBack() throws {
    let machine = try Machine()
    let out = machine.root + "/out"
    #expect(machine.wait(try machine.start("-o", out, "-t", "0", "-s", "-b", "512", "-e", "kmem,exceptions")) == 0)
    let instance = machine.text("instance.log")
    for line in [
      "./buffer_size_kb:512", "./trace_clock:global", "./options/hash-ptr:0", "./options/stacktrace:1",
      "./events/kmem/enable:1", "./events/exceptions/enable:1", "./tracing_on:0",
    ] {
      #expect(instance.contains(line + "\n"), "\(line)")
    }
    #expect(!instance.contains("set_event_pid"))
    #expect(machine.instances.isEmpty)
    #expect(machine.text("tracefs/saved_cmdlines_size") == "128\n")
    #expect(machine.text("proc/sys/kernel/kptr_restrict") == "1\n")
    #expect(machine.text("out/before/buddyinfo") == machine.text("proc/buddyinfo"))
    #expect(machine.text("out/after/buddyinfo") == machine.text("proc/buddyinfo"))
    #expect(machine.text("out/before/sys_vm.txt").hasSuffix("/sys/vm/swappiness:60\n"))
    #expect(machine.text("out/kallsyms") == machine.text("proc/kallsyms"))
    #expect(machine.text("out/capture.txt").contains("lost: 3\n"))
    #expect(machine.text("capture.log").contains("a larger buffer (-b 2048)"))
    #expect(!machine.exists("out/.undo"))
    let report = info(out)
    #expect(report.status == .done)
    #expect(report.output.contains("kmalloc"))
  }

  @Test func aCommandIsFollowedWithItsChildren() throws {
    let machine = try Machine()
    let out = machine.root + "/out.tar"
    #expect(machine.wait(try machine.start("-o", out, "--", "sh", "-c", "echo ran >\(machine.root)/proof")) == 0)
    #expect(machine.text("proof") == "ran\n")
    let instance = machine.text("instance.log")
    #expect(instance.contains("./options/event-fork:1\n"))
    #expect(instance.contains("./set_event_pid:"))
    #expect(machine.instances.isEmpty)
    #expect(machine.exists("out.tar"))
    let report = info(out)
    #expect(report.status == .done)
    #expect(report.output.contains("out.tar: ftrace-text"))
  }

  // Not SIGINT or SIGHUP, which whoever runs the tests may have set to be ignored.
  @Test func anInterruptedRecordingIsKeptAndEverythingIsPutBack() throws {
    let machine = try Machine()
    let process = try machine.start("-o", machine.root + "/out", "-t", "30")
    // Until it records: the instance is there and tracing is on.
    for _ in 0..<100
    where !machine.instances.contains(where: { machine.text("tracefs/instances/\($0)/trace_marker") != "" }) {
      usleep(50_000)
    }
    kill(process, SIGTERM)
    #expect(machine.wait(process) == 0)
    #expect(machine.instances.isEmpty)
    #expect(machine.text("tracefs/saved_cmdlines_size") == "128\n")
    #expect(machine.text("out/capture.txt").contains("interrupted: yes\n"))
    #expect(info(machine.root + "/out").status == .done)
  }

  @Test func rawPagesAreStreamedWithTheirFormats() throws {
    let machine = try Machine()
    let template = machine.root + "/template"
    for (file, text) in [
      ("per_cpu/cpu0/trace_pipe_raw", "pages"), ("per_cpu/cpu0/stats", "entries: 0\noverrun: 0\nread events: 7\n"),
      ("events/header_page", "field\n"), ("events/kmem/kfree/format", "name: kfree\n"),
      ("events/kmem/kfree/enable", "1\n"), ("events/kmem/kmalloc/format", "name: kmalloc\n"),
      ("events/kmem/kmalloc/enable", "0\n"),
    ] {
      let folder = (template + "/" + file).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: template + "/" + file, atomically: false, encoding: .utf8)
    }
    #expect(machine.wait(try machine.start("-o", machine.root + "/out", "-t", "0", "-r")) == 0)
    #expect(machine.text("out/raw.cpu0").hasPrefix("pages"))
    #expect(machine.text("out/formats/header_page") == "field\n")
    #expect(machine.text("out/formats/kmem.kfree.format") == "name: kfree\n")
    #expect(!machine.exists("out/formats/kmem.kmalloc.format"))
    #expect(machine.text("out/capture.txt").contains("entries: 7\n"))
    #expect(machine.instances.isEmpty)
  }

  @Test func whatCanNotBeSetUpLeavesNothingBehind() throws {
    let machine = try Machine()
    #expect(machine.wait(try machine.start("-o", machine.root + "/out", "-e", "nosuch", "-t", "0")) == 2)
    #expect(machine.text("capture.log").contains("no event could be enabled"))
    #expect(machine.instances.isEmpty)
    #expect(!machine.exists("out"))
    #expect(machine.text("tracefs/saved_cmdlines_size") == "128\n")
  }

  @Test func withoutInstancesTheTopLevelIsPutBackAsItWas() throws {
    let machine = try Machine()
    let top = machine.root + "/tracefs"
    try FileManager.default.removeItem(atPath: top + "/instances")
    for (file, text) in [
      ("tracing_on", "1\n"), ("buffer_size_kb", "7 (expanded: 1408)\n"), ("trace_clock", "local [mono] global\n"),
      ("events/kmem/kfree/enable", "1\n"), ("events/kmem/kmalloc/enable", "0\n"),
    ] {
      let folder = (top + "/" + file).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: top + "/" + file, atomically: false, encoding: .utf8)
    }
    #expect(machine.wait(try machine.start("-o", machine.root + "/out", "-t", "0")) == 0)
    #expect(machine.text("tracefs/tracing_on") == "1\n")
    #expect(machine.text("tracefs/buffer_size_kb") == "7\n")
    #expect(machine.text("tracefs/trace_clock") == "mono\n")
    #expect(machine.text("tracefs/events/kmem/kfree/enable") == "1\n")
    #expect(machine.text("tracefs/events/kmem/kmalloc/enable") == "0\n")
  }

  @Test func helpIsFiveLinesAndBootPrintsKernelParameters() throws {
    let machine = try Machine()
    #expect(machine.wait(try machine.start("--help")) == 0)
    #expect(machine.text("capture.log").split(separator: "\n").count == 5)
    #expect(machine.wait(try machine.start("--boot", "-b", "99")) == 0)
    #expect(machine.text("capture.log").contains("trace_event=kmem:* trace_buf_size=99K trace_clock=global"))
  }
}
