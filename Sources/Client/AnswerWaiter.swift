/// A task that waits for one answer. `resume` is called exactly once.
///
/// Debug builds, and with them the tests, check that. Release builds do not: the layout of a `CheckedContinuation` is
/// known only at run time, so that whatever holds one is copied and destroyed through tables of functions, and each has
/// an object of its own.
@safe struct AnswerWaiter<Answer: Sendable>: Sendable {
  #if DEBUG
    private let continuation: CheckedContinuation<Answer, Never>

    private init(_ continuation: CheckedContinuation<Answer, Never>) { self.continuation = continuation }
  #else
    private let continuation: UnsafeContinuation<Answer, Never>

    private init(_ continuation: UnsafeContinuation<Answer, Never>) { unsafe self.continuation = continuation }
  #endif

  /// Waits for the answer. `body` resumes the waiter, or keeps it for somebody who will.
  @inline(__always)
  static func wait(_ body: (AnswerWaiter) -> Void) async -> Answer {
    #if DEBUG
      await withCheckedContinuation { body(AnswerWaiter($0)) }
    #else
      await unsafe withUnsafeContinuation { unsafe body(AnswerWaiter($0)) }
    #endif
  }

  func resume(returning answer: Answer) {
    #if DEBUG
      continuation.resume(returning: answer)
    #else
      unsafe continuation.resume(returning: answer)
    #endif
  }
}
