import Glibc

/// A piece of work that any worker can do.
///
/// Between `WorkerPool.submit` and `WorkerPool.finish` it belongs to whichever thread runs it.
class Job {
  fileprivate enum State {
    case idle, queued, running, done
  }

  fileprivate var state = State.idle

  /// Does the work. Worker 0 is the thread that waits for results; the others are the pool's own.
  func run(worker: Int) {}
}

/// Threads that work ahead of the one that needs the results, in the order in which work was submitted.
///
/// The thread that waits is a worker too: what nobody has begun when it is needed, it does itself, and while another thread
/// is at it, it works ahead. So a pool without threads works as well, and no processor waits for another one while there is
/// something to do.
final class WorkerPool {
  /// All workers, the waiting thread included.
  let workerCount: Int
  private let queue = JobQueue()
  private var threads: [BackgroundThread] = []

  /// Starts `threads - 1` threads beside the calling one, or as many as the system allows.
  init(threads wanted: Int) {
    for worker in 1..<max(wanted, 1) {
      guard let thread = BackgroundThread(Worker(queue, worker)) else { break }
      threads.append(thread)
    }
    workerCount = threads.count + 1
  }

  deinit {
    queue.stop()
    for thread in threads { thread.join() }
  }

  private final class Worker: BackgroundWork {
    private let queue: JobQueue
    private let number: Int

    init(_ queue: JobQueue, _ number: Int) {
      self.queue = queue
      self.number = number
    }

    func work() { queue.work(as: number) }
  }

  /// Lets a job be done when its turn comes.
  func submit(_ job: Job) { queue.submit(job, isShared: !threads.isEmpty) }

  /// Returns when a submitted job is done, which may mean to do it here.
  func finish(_ job: Job) { queue.finish(job) }

  /// Calls `body` while no worker changes what it shares under the same lock.
  func locked<Value>(_ body: () -> Value) -> Value { queue.locked(body) }

  /// The processors that are online.
  static var processorCount: Int { max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) }
}

/// The jobs that wait, and the lock around everything that threads share.
private final class JobQueue {
  private var jobs: [Job] = []
  private var isStopped = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let completion = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrival, nil)
    pthread_cond_init(completion, nil)
  }

  deinit {
    pthread_cond_destroy(completion)
    pthread_cond_destroy(arrival)
    pthread_mutex_destroy(mutex)
    completion.deallocate()
    arrival.deallocate()
    mutex.deallocate()
  }

  func locked<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  func submit(_ job: Job, isShared: Bool) {
    locked {
      job.state = .queued
      guard isShared else { return }
      jobs.append(job)
      pthread_cond_signal(arrival)
    }
  }

  func work(as worker: Int) {
    while let job = take() {
      job.run(worker: worker)
      locked {
        job.state = .done
        pthread_cond_broadcast(completion)
      }
    }
  }

  private func take() -> Job? {
    locked {
      while jobs.isEmpty, !isStopped { pthread_cond_wait(arrival, mutex) }
      if isStopped { return nil }
      let job = jobs.removeFirst()
      job.state = .running
      return job
    }
  }

  func finish(_ job: Job) {
    while let next = takeUntilDone(job) {
      next.run(worker: 0)
      locked { next.state = .done }
    }
  }

  /// What the waiting thread may do as long as `job` is not done: the job itself if nobody has begun it, else one that
  /// will be needed later. `nil` once the job is done.
  private func takeUntilDone(_ job: Job) -> Job? {
    locked {
      while true {
        switch job.state {
        case .idle, .done: return nil
        case .queued:
          jobs.removeAll { $0 === job }
          job.state = .running
          return job
        case .running:
          if !jobs.isEmpty {
            let other = jobs.removeFirst()
            other.state = .running
            return other
          }
          pthread_cond_wait(completion, mutex)
        }
      }
    }
  }

  func stop() {
    locked {
      isStopped = true
      jobs.removeAll()
      pthread_cond_broadcast(arrival)
    }
  }
}
