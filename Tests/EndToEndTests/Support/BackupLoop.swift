import Foundation

/// `logsd backup` of a directory again and again, until it is halted; one that runs may be killed.
///
/// Invariant behind `@unchecked Sendable`: all state is touched only under `condition`.
final class BackupLoop: @unchecked Sendable {
  let target: String
  private let scene: Scene
  private let source: String
  private let condition = NSCondition()
  private var process: ChildProcess?
  private var isHalted = true
  private var isOver = false
  private var completedCount = 0
  private var killedCount = 0
  private var problems: [String] = []

  init(_ scene: Scene, of source: String) {
    (self.scene, self.source, target) = (scene, source, scene.path("backup"))
    Threads.start { self.run() }
  }

  private func run() {
    while let process = next() {
      let exit: ChildProcess.Exit?
      do { exit = try process.wait() } catch { exit = nil }
      condition.withLock {
        note(exit, process.errors.text)
        self.process = nil
        condition.broadcast()
      }
    }
  }

  /// Starts another one as soon as it may.
  private func next() -> ChildProcess? {
    condition.lock()
    defer { condition.unlock() }
    while isHalted, !isOver { condition.wait() }
    if isOver { return nil }
    do { process = try scene.start(Binaries.logsd, ["backup", source, target]) } catch {
      problems.append("no backup can be started: \(error)")
    }
    return process
  }

  private func note(_ exit: ChildProcess.Exit?, _ errors: String) {
    switch exit {
    case .code(0): completedCount += 1
    case .signal: killedCount += 1
    // The server died or started at this moment.
    case .code(1) where errors.contains("by a server; try again"): break
    default: problems.append("a backup ended with \(exit.map { "\($0)" } ?? "nothing"): \(errors)")
    }
  }

  /// Goes on.
  func resume() {
    condition.withLock {
      isHalted = false
      condition.broadcast()
    }
  }

  /// Starts no more, and waits for the one that runs.
  ///
  /// - Returns: whether one was running.
  @discardableResult func halt(kills: Bool) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    isHalted = true
    let isRunning = process != nil
    if kills { process?.signal(SIGKILL) }
    while process != nil { condition.wait() }
    return isRunning
  }

  var isRunning: Bool { condition.withLock { process != nil } }

  var counts: (completed: Int, killed: Int) { condition.withLock { (completedCount, killedCount) } }

  /// What has gone wrong since the last call.
  func takeProblems() -> [String] {
    condition.withLock {
      defer { problems = [] }
      return problems
    }
  }

  func end() {
    halt(kills: true)
    condition.withLock {
      isOver = true
      condition.broadcast()
    }
  }
}
