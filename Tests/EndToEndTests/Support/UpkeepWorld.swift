import Foundation

/// Producers with spools and followers on a server that begins, seals, compacts, rewrites and trims small segments all
/// the time, with a backup made of it over and over.
///
/// A round is a stream: while it is filled and followed, entries are deleted, and the server and backups are killed,
/// mostly in the middle of something. After each kill the data directory or the backup is checked, and in the end a
/// `DeliveryChecker` judges, also what a backup has.
final class UpkeepWorld {
  /// What the server or a backup is killed in the middle of, if it can be caught there.
  enum Moment: String, CaseIterable {
    case rewriting, beginning, sealing, trimming, deleting, any
    case copying, replacing
  }

  struct Counts: CustomStringConvertible {
    var rounds = 0
    var kills = 0
    var entries = 0
    var followed = 0
    var removed = 0
    var backups = 0
    var checks = 0
    /// What servers that were killed had done.
    var compacted = 0
    var rewritten = 0
    var trimmed = 0
    var sealed = 0
    /// What kills came in the middle of, as far as that can be seen of what they left.
    var interrupted: [Moment: Int] = [:]

    /// Whether each kind of work was done at least once.
    var hasAll: Bool { compacted > 0 && rewritten > 0 && trimmed > 0 && sealed > 0 && backups > 0 }

    var description: String {
      let moments = interrupted.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
      return """
        \(rounds) rounds, \(kills) kills, \(checks) checks, \(entries) entries stored, \(followed) followed, \
        \(removed) removed; \
        \(compacted) compacted, \(rewritten) rewritten, \(trimmed) trims, \(sealed) sealed, \(backups) \
        backups; killed while \(moments.joined(separator: ", "))
        """
    }
  }

  private(set) var counts = Counts()
  /// Whether the server is not killed before it has done what none has done so far, if it does that soon.
  var waitsForAll = false
  private let scene: Scene
  private let server: TestServer
  private let producers: [FaultyProducer]
  private let followers: [any FaultyFollower]
  private let backups: BackupLoop
  private var random: Seeded
  private var checker = DeliveryChecker()

  private static let producerCount = 3
  /// How long a moment is waited for before the kill comes anyway.
  private static let momentPatience = Duration.milliseconds(700)

  init(_ scene: Scene, _ random: Seeded) throws {
    (self.scene, self.random) = (scene, random)
    let server = try TestServer(
      scene,
      [
        "--segment-bytes", "1M", "--segment-age", "300ms", "--rewrite-delay", "10ms", "--retention-age", "6s",
        "--retention", StreamThinner.rule, "--upkeep-cpu", "100",
      ])
    self.server = server
    producers = try (1...Self.producerCount).map { try FaultyProducer($0, server) }
    followers = [
      try CommandFollower("cursor-follower", server, hasCursorFile: true), try SDKFollower("sdk-follower", server),
    ]
    backups = BackupLoop(scene, of: server.data)
    backups.resume()
  }

  func end() { backups.end() }

  /// - Returns: the violations, none if all is well.
  func play() throws -> [DeliveryChecker.Violation] {
    counts.rounds += 1
    let stream = "faults/\(counts.rounds)"
    checker = DeliveryChecker()
    checker.noteTrimming()
    for follower in followers { try follower.begin(stream) }
    for producer in producers {
      try producer.begin(stream, last: Int.random(in: 200...700, using: &random), &random)
    }
    for _ in 0..<Int.random(in: 2...4, using: &random) {
      try producers[Int.random(in: 0..<Self.producerCount, using: &random)].wait(
        forLines: Int.random(in: 1...12, using: &random))
      // So that there is something to rewrite.
      if Bool.random(using: &random) { try finish(delete(stream)) }
      try strike(stream)
    }
    for producer in producers { try producer.finish(within: Environment.patience, &checker) }
    try settle(stream)
    counts.entries += checker.storedCount
    counts.removed += checker.removedCount
    counts.followed += checker.followedCount
    counts.backups = backups.counts.completed
    return checker.violations()
  }

  // MARK: What happens

  private func strike(_ stream: String) throws {
    let moment = Moment.allCases.randomElement(using: &random) ?? .any
    switch moment {
    case .copying, .replacing: try killBackup(at: moment)
    case .deleting: try killServer(at: moment, deletion: try delete(stream))
    case .trimming:
      // Single streams are trimmed, too.
      if Bool.random(using: &random) { try StreamThinner.push(StreamThinner.allByteCount, server, &random) }
      try killServer(at: moment)
    case .rewriting, .beginning, .sealing, .any: try killServer(at: moment)
    }
  }

  private func killServer(at moment: Moment, deletion: StreamThinner.Deletion? = nil) throws {
    if waitsForAll { waitForMissing() }
    try wait(for: moment)
    if server.process.hasEnded { throw Failure("the server has ended by itself: \(server.process.errors.text)") }
    let isBackingUp = backups.isRunning
    try server.kill()
    counts.kills += 1
    if isBackingUp { counts.interrupted[.copying, default: 0] += 1 }
    try noteLog()
    noteInterrupted()
    let isCheckedFirst = Bool.random(using: &random)
    // What works on the directory without a server has it locked.
    backups.halt(kills: Bool.random(using: &random))
    if isCheckedFirst {
      if try check(server.data).contains("retention has removed it") { counts.interrupted[.trimming, default: 0] += 1 }
    }
    if Int.random(in: 0..<4, using: &random) == 0 { try backUp() }
    do { try server.restart() } catch {
      checker.note(.durable, "the server does not start again: \(error)")
      throw error
    }
    backups.resume()
    if !isCheckedFirst { try check(server.data) }
    // What has not been answered may have been done.
    if let deletion, try finish(deletion) == nil { counts.interrupted[.deleting, default: 0] += 1 }
  }

  private func killBackup(at moment: Moment) throws {
    try wait(for: moment)
    let wasRunning = backups.halt(kills: true)
    let isReplacing = access("\(backups.target)/next/manifest", F_OK) == 0
    if wasRunning { counts.interrupted[isReplacing ? .replacing : .copying, default: 0] += 1 }
    if isReplacing {
      // A restore completes it.
      _ = try restored("none")
    } else if access("\(backups.target)/manifest", F_OK) == 0 {
      // Before the first is complete there is nothing to check.
      try check(backups.target)
    }
    backups.resume()
  }

  /// Waits until something is under way, and then a little longer. With hardly a pause between looks, since some take a
  /// moment: without any, the thread of low priority that does it would get no processor.
  private func wait(for moment: Moment) throws {
    let deadline = ContinuousClock.now + Self.momentPatience
    let before = segmentNames()
    while ContinuousClock.now < deadline, !isUnderWay(moment, before) { usleep(100) }
    let microseconds = [0, 1_000, 20_000].randomElement(using: &random) ?? 0
    usleep(UInt32.random(in: 0...UInt32(microseconds), using: &random))
  }

  private func isUnderWay(_ moment: Moment, _ before: Set<String>) -> Bool {
    switch moment {
    case .any, .deleting: return true
    case .copying: return access("\(backups.target)/next", F_OK) == 0
    case .replacing: return access("\(backups.target)/next/manifest", F_OK) == 0
    case .rewriting: return Self.rewritten(in: segmentNames()) != nil
    case .beginning: return Self.begun(in: segmentNames()) != nil
    case .sealing: return segmentNames().count { $0.hasSuffix(".db-wal") } > 1
    case .trimming: return before.filter { $0.hasSuffix(".db") }.min().map { !segmentNames().contains($0) } ?? true
    }
  }

  private func segmentNames() -> Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: server.data + "/segments")) ?? [])
  }

  private static func rewritten(in names: Set<String>) -> String? {
    names.first { $0.hasSuffix(".db.tmp") && names.contains(String($0.dropLast(".tmp".count))) }
  }

  private static func begun(in names: Set<String>) -> String? {
    names.first { $0.hasSuffix(".db.tmp") && !names.contains(String($0.dropLast(".tmp".count))) }
  }

  private func noteInterrupted() {
    let names = segmentNames()
    if Self.rewritten(in: names) != nil { counts.interrupted[.rewriting, default: 0] += 1 }
    if Self.begun(in: names) != nil { counts.interrupted[.beginning, default: 0] += 1 }
    if names.count(where: { $0.hasSuffix(".db-wal") }) > 1 { counts.interrupted[.sealing, default: 0] += 1 }
  }

  /// What the server says of its work.
  private static let logged: [(any WritableKeyPath<Counts, Int> & Sendable, String)] = [
    (\.compacted, " is compacted: "), (\.rewritten, " is rewritten: "), (\.trimmed, "trimmed: "),
    (\.sealed, " is sealed"),
  ]

  /// Gives what has not happened yet some time: beside a busy processor it may take seconds.
  private func waitForMissing() {
    let missing = Self.logged.filter { counts[keyPath: $0.0] == 0 }.map(\.1)
    try? Polling.wait(for: "what has not happened yet", within: .seconds(10)) {
      let log = server.process.errors.text
      return missing.allSatisfy { log.contains($0) }
    }
  }

  /// Counts what the server has done, and notes what it must not say.
  private func noteLog() throws {
    for line in server.process.errors.lines {
      for (kind, text) in Self.logged where line.contains(text) { counts[keyPath: kind] += 1 }
      if line.contains("damaged") || line.contains("reported as lost") || line.contains(" is not compacted") {
        checker.note(.durable, "the server says '\(line)'")
      }
    }
  }

  private func delete(_ stream: String) throws -> StreamThinner.Deletion {
    try StreamThinner.begin(stream, server, &random, upTo: 500)
  }

  @discardableResult private func finish(_ deletion: StreamThinner.Deletion) throws -> ClosedRange<UInt64>? {
    let done = try deletion.finish()
    checker.note(deletionOf: deletion.numbers, done: done)
    return done
  }

  // MARK: What is left

  /// - Returns: what the check says.
  @discardableResult private func check(_ directory: String) throws -> String {
    counts.checks += 1
    let checked = try scene.run(Binaries.logsd, ["check", directory])
    if checked.exit != .code(0) {
      checker.note(.durable, "a check of \(directory) ends with \(checked.exit): \(checked.text) \(checked.errors)")
    }
    return checked.text
  }

  private func backUp() throws {
    let made = try scene.run(Binaries.logsd, ["backup", server.data, backups.target])
    if made.exit != .code(0) { checker.note(.durable, "a backup ends with \(made.exit): \(made.errors)") }
    try check(backups.target)
  }

  /// Lets everything finish, and passes what was seen to the checker.
  private func settle(_ stream: String) throws {
    let clock = ContinuousClock()
    let before = try read(stream)
    let deadline = clock.now + Environment.patience
    var received: [(name: String, runs: [DeliveryChecker.Run])] = []
    for follower in followers {
      do {
        if let before { try follower.wait(for: before.end, within: max(deadline - clock.now, .zero)) }
      } catch { checker.note(.progress, "\(follower.name): \(error)") }
      let (runs, problems) = try follower.end()
      received.append((follower.name, runs))
      for problem in problems { checker.note(.noSilentGap, "\(follower.name): \(problem)") }
    }
    backups.halt(kills: Bool.random(using: &random))
    try backUp()
    let copy = try restored(stream)
    backups.resume()
    for problem in backups.takeProblems() { checker.note(.durable, problem) }
    try check(server.data)
    if let before, let after = try read(stream) {
      // What is trimmed meanwhile is gone from here on.
      for (name, runs) in received + [("reader", [before])] { checker.note(runs, of: name) }
      checker.note(stored: after)
      compare(copy, before, after)
    }
  }

  /// What the last backup has of a stream.
  private func restored(_ stream: String) throws -> [UInt64: String] {
    let place = scene.path("restored")
    let restored = try scene.run(Binaries.logsd, ["restore", backups.target, place])
    if restored.exit != .code(0) { checker.note(.durable, "a restore ends with \(restored.exit): \(restored.errors)") }
    try check(place)
    let query = "select seq || ' ' || message from entries where stream = '\(stream)'"
    let found = try scene.run(Binaries.logsd, ["sql", place, query, "-o", "csv"])
    if found.exit != .code(0) { checker.note(.durable, "what was restored cannot be read: \(found.errors)") }
    try FileManager.default.removeItem(atPath: place)
    var texts: [UInt64: String] = [:]
    for line in found.lines.dropFirst() {
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let number = UInt64(parts[0]) else { throw Failure("the query gave '\(line)'") }
      texts[number] = String(parts[1])
    }
    return texts
  }

  /// A backup between two reads has what the second finds, and nothing that the first does not.
  private func compare(_ copy: [UInt64: String], _ before: DeliveryChecker.Run, _ after: DeliveryChecker.Run) {
    let texts = Dictionary(before.reads.map { ($0.sequence, $0.text) }, uniquingKeysWith: { first, _ in first })
    if let (number, text) = copy.first(where: { texts[$0.key] != $0.value }) {
      checker.note(.noPhantom, "a backup has as number \(number) '\(text.prefix(40))', and the server has not")
    }
    if let lost = after.reads.first(where: { copy[$0.sequence] == nil }) {
      checker.note(.durable, "a backup lacks number \(lost.sequence)")
    }
  }

  /// Reads a stream up to its head.
  private func read(_ stream: String) throws -> DeliveryChecker.Run? {
    let follow = try server.start(["follow", stream, "-n", "all", "--until-head", "-o", "json"])
    do {
      guard try follow.wait() == .code(0) else { throw Failure("\(Sample(follow.errors.bytes))") }
      return try CommandFollower.run(follow)
    } catch {
      follow.destroy()
      checker.note(.noSilentGap, "\(stream) cannot be read: \(error)")
      return nil
    }
  }
}
