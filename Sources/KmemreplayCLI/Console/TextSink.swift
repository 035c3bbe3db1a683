import Glibc

/// Where a command's text goes.
public protocol TextSink: AnyObject {
  /// Writes all of a text.
  func write(_ text: String) throws(SinkError)
}

/// Why text could not be written.
public enum SinkError: Error, Equatable {
  /// Nobody reads the other end of the pipe any more.
  case brokenPipe
  /// The system's words for the trouble.
  case failed(String)
}

/// Writes to an open file descriptor.
public final class DescriptorSink: TextSink {
  private let descriptor: Int32

  public init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Whether the descriptor is a terminal.
  public var isTerminal: Bool { isatty(descriptor) == 1 }

  public func write(_ text: String) throws(SinkError) {
    var text = text
    let problem: SinkError? = text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EPIPE {
          return .brokenPipe
        } else if errno == EAGAIN {
          // Somebody made the pipe non-blocking: wait until it takes more.
          var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&state, 1, -1)
        } else if errno != EINTR {
          return .failed(SystemMessage.text(errno))
        }
      }
      return nil
    }
    if let problem { throw problem }
  }
}

/// Keeps what is written; for tests.
public final class MemorySink: TextSink {
  public private(set) var text = ""

  public init() {}

  public func write(_ text: String) { self.text += text }
}

/// The system's own words for an error number.
enum SystemMessage {
  static func text(_ number: Int32) -> String {
    guard let message = strerror(number) else { return "error \(number)" }
    return String(cString: message)
  }
}
