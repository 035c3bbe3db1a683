import KernelTypes
import ProcSnapshots
import TraceEvents

@testable import TraceInput

/// What the fuzzer's bytes are given to. The package's tests replay what was found through the same targets.
///
/// A new parser gets a case and a branch in `run`, and seeds in the script `run`.
enum FuzzTarget: String, CaseIterable {
  /// Whatever container the bytes look like: ftrace text, trace.dat, perf.data, Perfetto, .kmr, archives.
  case trace
  /// The text of an event's format, and a record by it.
  case format
  /// A page of the ring buffer.
  case page
  /// A line of ftrace text behind a line that is known to be one.
  case line
  /// The kernel's files of /proc and /sys; the first byte says which.
  case proc

  func run(_ bytes: [UInt8]) {
    switch self {
    case .trace: Self.readTrace(bytes)
    case .line:
      let line = "            bash-8242    [003] d..1.  1423.994636: kfree: call_site=f+0x1/0x2 ptr=ffff888160ea3500\n"
      Self.readTrace(Array(line.utf8) + bytes)
    case .format: Self.readFormat(bytes)
    case .page: Self.readPage(bytes)
    case .proc: Self.readFile(bytes)
    }
  }

  private static func readTrace(_ bytes: [UInt8]) {
    guard let source = try? TraceInput.open(bytes: bytes, name: "fuzz", options: InputOptions(threads: 1)) else {
      return
    }
    var batch = EventBatch()
    while let isMore = try? source.read(into: &batch), isMore {}
    _ = source.statistics
    _ = source.context
  }

  private static func readFormat(_ bytes: [UInt8]) {
    var catalogue = EventCatalogue()
    guard catalogue.addFormat(bytes), let format = EventFormat(parsing: bytes) else { return }
    var record = [UInt8](repeating: 0xA5, count: 256)
    record[0] = UInt8(truncatingIfNeeded: format.id)
    record[1] = UInt8(truncatingIfNeeded: format.id >> 8)
    // A decoder leaves it to its source to keep the texts.
    let strings = StringInterner()
    defer { withExtendedLifetime(strings) {} }
    var decoder = RecordDecoder(catalogue, strings: strings, stacks: StackTable())
    var batch = EventBatch(capacity: 4)
    record.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      _ = decoder.decode(start, count: bytes.count, time: 0, cpu: 0, position: 0, into: &batch)
    }
  }

  private static let pageFormats = ["kmem_cache_free", "mm_page_alloc", "print", "kernel_stack"].enumerated().map {
    """
    name: \($1)
    ID: \($0 + 1)
    format:
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
    \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
    \tfield:unsigned long call_site;\toffset:8;\tsize:8;\tsigned:0;
    \tfield:const void * ptr;\toffset:16;\tsize:8;\tsigned:0;
    \tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;
    \tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;
    \tfield:unsigned long gfp_flags;\toffset:16;\tsize:8;\tsigned:0;
    \tfield:int migratetype;\toffset:20;\tsize:4;\tsigned:1;
    \tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:1;
    \tfield:char buf[];\toffset:16;\tsize:0;\tsigned:1;
    \tfield:int size;\toffset:8;\tsize:4;\tsigned:1;
    \tfield:unsigned long caller[8];\toffset:16;\tsize:64;\tsigned:0;

    print fmt: "pfn=0x%lx", REC->pfn
    """
  }

  private static func readPage(_ bytes: [UInt8]) {
    var catalogue = EventCatalogue()
    for text in pageFormats { catalogue.addFormat(Array(text.utf8)) }
    if let first = bytes.first, first & 1 != 0 { catalogue.byteOrder = .big }
    let page = Array(bytes.dropFirst().prefix(4096))
    // A decoder leaves it to its source to keep the texts.
    let strings = StringInterner()
    defer { withExtendedLifetime(strings) {} }
    var decoder = RecordDecoder(catalogue, strings: strings, stacks: StackTable())
    var batch = EventBatch(capacity: RecordDecoder.rowLimit(pageBytes: page.count) + 1)
    // A buffer of exactly the page's size, so that the sanitizer sees every step beyond it.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(page.count, 1), alignment: 8)
    defer { memory.deallocate() }
    memory.copyBytes(from: page)
    guard let start = memory.baseAddress else { return }
    _ = decoder.decodePage(
      start, count: page.count, layout: PageHeaderFormat(), cpu: 0, position: 0, into: &batch)
  }

  private static func readFile(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let content = FileContent(name: "fuzz", bytes: Array(bytes.dropFirst()))
    let kinds: [any KernelFile.Type] = [
      MemInfo.self, BuddyInfo.self, PageTypeInfo.self, ZoneInfo.self, VMStat.self, SlabInfo.self, SlabDirectory.self,
      SysctlVM.self, HugePageSettings.self, VmallocInfo.self, IOMemory.self, Swaps.self, AllocInfo.self,
      PageOwner.self, ProcessMaps.self, ProcessSmaps.self, ProcessStatus.self,
    ]
    let kind = kinds[Int(choice) % kinds.count]
    _ = (try? kind.init(parsing: content))?.bytes
  }
}
