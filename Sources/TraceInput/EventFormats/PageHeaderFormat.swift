import TraceEvents

/// How a ring-buffer page begins, as `events/header_page` says.
///
/// Follows ring_buffer_print_page_header in kernel/trace/ring_buffer.c: a time stamp, the commit word, which has the
/// size of the kernel's `long`, and the data.
struct PageHeaderFormat: Equatable {
  var timeOffset = 0
  var commitOffset = 8
  /// 4 or 8: the size of the kernel's `long`.
  var commitSize = 8
  var dataOffset = 16
  /// The room for data in a page, in bytes.
  var dataSize = 4080

  /// The size of a page with its header, in bytes.
  var pageSize: Int { dataOffset + dataSize }

  /// The layout of a kernel with longs of `longSize` bytes and pages of `pageSize` bytes.
  init(longSize: Int = 8, pageSize: Int = 4096) {
    commitSize = longSize == 4 ? 4 : 8
    dataOffset = 8 + commitSize
    dataSize = max(pageSize - dataOffset, 0)
  }

  /// Reads the text of `header_page`; `nil` if a field is missing or can't be.
  init?(parsing text: some Collection<UInt8>) {
    self.init()
    var seen = 0
    for line in text.prefix(4096).split(separator: UInt8(ascii: "\n")) {
      guard let field = EventField(parsing: line) else { continue }
      switch field.name {
      case "timestamp" where field.size == 8: timeOffset = field.offset
      case "commit" where field.size == 4 || field.size == 8: (commitOffset, commitSize) = (field.offset, field.size)
      case "data" where field.size > 0: (dataOffset, dataSize) = (field.offset, field.size)
      default: continue
      }
      seen += 1
    }
    guard seen == 3, dataOffset >= timeOffset + 8, dataOffset >= commitOffset + commitSize else { return nil }
  }
}
