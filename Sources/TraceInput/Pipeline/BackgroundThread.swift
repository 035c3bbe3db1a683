import Glibc

/// What a background thread does.
protocol BackgroundWork: AnyObject {
  /// Works until there is nothing left, or until it is told to stop by means of its own.
  func work()
}

/// A thread of the system's, which works until its work is done.
struct BackgroundThread {
  private let thread: pthread_t

  /// Starts a thread; `nil` if the system allows no more.
  ///
  /// The work reaches its thread as a counted pointer. What both threads use of it is the work's own to guard.
  init?(_ work: any BackgroundWork) {
    var thread = pthread_t()
    let handle = Unmanaged.passRetained(Start(work))
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().work.work()
        return nil
      }, handle.toOpaque())
    guard status == 0 else {
      handle.release()
      return nil
    }
    self.thread = thread
  }

  /// Waits for the end of the work.
  func join() { pthread_join(thread, nil) }

  private final class Start {
    let work: any BackgroundWork

    init(_ work: any BackgroundWork) { self.work = work }
  }
}
