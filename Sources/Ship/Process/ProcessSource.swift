internal import Glibc
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Runs a command and ships what it writes to stdout and stderr, told apart by the attribute `stream`.
///
/// It ends when the command has ended and all of its output is read: processes that it has left behind with its pipes
/// are waited for, as in a shell's pipeline, unless it was told to end.
package final class ProcessSource: Source {
  private let configuration: ProcessConfiguration
  /// Called once on the loop with the exit code of the command, when all of its output is on its way to the disk: 128
  /// and its number for a signal, 127 for a command that is not there, 126 for one that cannot be started.
  private var onEnd: ((Int32) -> Void)?
  private var reader: ProcessReader?
  private var processID: Int32?
  private var exitCode: Int32?
  private var loop: EventLoop?

  package init(_ configuration: ProcessConfiguration, onEnd: @escaping (Int32) -> Void) {
    self.configuration = configuration
    self.onEnd = onEnd
  }

  package var name: String { configuration.name }
  package var lag: SourceLag {
    SourceLag(timeLast: reader?.timeLast ?? 0, readerCount: reader == nil ? 0 : 1)
  }

  package func begin(_ desk: any ShipDesk) {
    loop = desk.loop
    do throws(SystemError) {
      let child = try RunningCommand.spawn(configuration.command)
      processID = child.processID
      let loop = desk.loop
      let box = ProcessBox(self)
      let id = child.processID
      _ = try Thread(starting: "logs-child") {
        let code = RunningCommand.wait(for: id)
        loop.execute { box.source?.childEnded(code) }
      }
      let reader = ProcessReader(child, configuration, desk) { [weak self] code in
        loop.execute { box.source?.finish(code) }
        self?.reader = nil
      }
      self.reader = reader
      desk.turn(reader)
    } catch {
      desk.log(.error, "\(name): cannot run \(configuration.command[0]): \(error.text)")
      let box = ProcessBox(self)
      let code: Int32 = error.number == ENOENT ? 127 : 126
      desk.loop.execute { box.source?.finish(code) }
    }
  }

  package func end() { reader?.stopWatching() }

  /// Passes a signal on to the command, if it still runs. Then one that ends programs ends the wait for its output.
  ///
  /// - Parameter isThere: whether the command has it already, from its terminal.
  package func pass(_ signal: Int32, isThere: Bool = false) {
    let isEnd = [SIGTERM, SIGINT, SIGHUP, SIGQUIT].contains(signal)
    if let processID {
      if !isThere { kill(processID, signal) }
      if isEnd { reader?.isToEnd = true }
    } else if isEnd, let exitCode {
      finish(exitCode)
    }
  }

  private func childEnded(_ code: Int32) {
    processID = nil
    exitCode = code
    guard let reader else { return }
    reader.childEnded(code)
    guard reader.isToEnd else { return }
    endSoon(code, seen: nil, after: ProcessReader.quietDuration * 2)
  }

  /// Ends it even if nothing more can be read, since the spool is full: when its reader had no turn between two looks.
  private func endSoon(_ code: Int32, seen: Int?, after delay: Duration) {
    loop?.schedule(after: delay) { [weak self] in
      guard let self, onEnd != nil, let reader else { return }
      guard reader.turnCount == seen else { return endSoon(code, seen: reader.turnCount, after: Self.lookInterval) }
      finish(code)
    }
  }

  private static let lookInterval = Duration.milliseconds(200)

  private func finish(_ code: Int32) {
    onEnd?(code)
    onEnd = nil
  }

  /// Carries the source to where it is used: its loop.
  private final class ProcessBox: @unchecked Sendable {
    private(set) weak var source: ProcessSource?
    init(_ source: ProcessSource) { self.source = source }
  }
}

/// Reads the two pipes of a command.
final class ProcessReader: SourceReader {
  private struct Pipe: ~Copyable {
    let descriptor: Descriptor
    let attributes: [LogAttribute]
    var cutter: LineCutter
    var watch: LoopWatch?
    var isAtEnd = false
  }

  private let configuration: ProcessConfiguration
  private let desk: any ShipDesk
  private var output: Pipe
  private var errors: Pipe
  private var pipeline: LinePipeline
  private var buffer = [UInt8](repeating: 0, count: Shipment.turnByteCount / 2)
  private var timer: LoopTimer?
  private var noteTimer: LoopTimer?
  /// Whether the command was told to end.
  var isToEnd = false
  private var exitCode: Int32?
  private var hasReadSinceExit = false
  private(set) var turnCount = 0
  private var hasEnded = false
  private let onEnd: (Int32) -> Void
  private(set) var timeLast: Int64 = 0

  /// How long others may still write to the pipes of a command that was told to end and has ended, since their last
  /// word; and when it is said that others are waited for.
  static let quietDuration = Duration.seconds(1)
  /// What is read of a command when the shipper stops before it.
  private static let finalByteCountMax = 4 << 20

  init(
    _ child: consuming RunningCommand, _ configuration: ProcessConfiguration, _ desk: any ShipDesk,
    onEnd: @escaping (Int32) -> Void
  ) {
    self.configuration = configuration
    self.desk = desk
    self.onEnd = onEnd
    pipeline = LinePipeline(configuration.lines)
    let pipes = child.takePipes()
    output = Pipe(descriptor: pipes.output, attributes: Self.attributes("stdout"), cutter: Self.cutter)
    errors = Pipe(descriptor: pipes.errors, attributes: Self.attributes("stderr"), cutter: Self.cutter)
    self.output.watch = watch(self.output.descriptor.number)
    self.errors.watch = watch(self.errors.descriptor.number)
  }

  private static func attributes(_ stream: String) -> [LogAttribute] { [LogAttribute("stream", .string(stream))] }

  private static var cutter: LineCutter {
    var cutter = LineCutter(LineCutter.Configuration())
    // Output has no byte order mark, and its first bytes are not to wait for others.
    cutter.resume(at: 0, utf16: nil)
    return cutter
  }

  /// Paused: what is readable now is read in the first turn.
  private func watch(_ descriptor: Int32) -> LoopWatch? {
    do throws(SystemError) {
      let watch = try desk.loop.watch(descriptor, for: .readable) { [weak self] in self?.isReadable() }
      watch.pause()
      return watch
    } catch {
      desk.log(.error, "\(configuration.name): the output of the command cannot be watched: \(error.text)")
      return nil
    }
  }

  private func isReadable() {
    pauseWatches()
    desk.turn(self)
  }

  private func pauseWatches() {
    output.watch?.pause()
    errors.watch?.pause()
  }

  func stopWatching() {
    output.watch?.cancel()
    errors.watch?.cancel()
    output.watch = nil
    errors.watch = nil
    timer?.cancel()
    timer = nil
    noteTimer?.cancel()
    noteTimer = nil
  }

  func childEnded(_ code: Int32) {
    exitCode = code
    hasReadSinceExit = true
    desk.turn(self)
    guard !isToEnd else { return }
    noteTimer = desk.loop.schedule(after: Self.quietDuration) { [weak self] in
      guard let self, !self.hasEnded else { return }
      self.desk.log(
        .notice,
        "\(self.configuration.name) has ended, and others still have its output open: waits for them; a signal ends it")
    }
  }

  // MARK: Turns

  func read(into shipment: inout Shipment) -> Bool {
    guard !hasEnded else { return false }
    turnCount += 1
    // stderr first: what it says of what comes next is there before it.
    let mayHaveMore = readOnce(&errors, &shipment)
    if readOnce(&output, &shipment) || mayHaveMore { return true }
    if output.isAtEnd, errors.isAtEnd {
      guard let exitCode else { return false }
      end(exitCode, &shipment)
      return false
    }
    if let exitCode, isToEnd {
      // All that the command has written has been read. Others may have its pipes open still.
      guard hasReadSinceExit else {
        end(exitCode, &shipment)
        return false
      }
      hasReadSinceExit = false
      resumeWatches()
      wait(for: Self.quietDuration)
      return false
    }
    if let deadline = pipeline.deadline {
      if deadline <= desk.loop.now {
        flush(&shipment)
      } else {
        wait(for: .nanoseconds(Int64(clamping: deadline.nanoseconds(since: desk.loop.now))))
      }
    }
    resumeWatches()
    return false
  }

  func finish(into shipment: inout Shipment) {
    guard !hasEnded else { return }
    var byteCount = 0
    while byteCount < Self.finalByteCountMax {
      let isMore = readOnce(&errors, &shipment)
      guard readOnce(&output, &shipment) || isMore else { break }
      byteCount += buffer.count
    }
    take(output.cutter.endFile(), output.attributes, &shipment)
    take(errors.cutter.endFile(), errors.attributes, &shipment)
    flush(&shipment)
    hasEnded = true
    stopWatching()
  }

  private func end(_ code: Int32, _ shipment: inout Shipment) {
    // The last words of what does not end.
    if !output.isAtEnd { take(output.cutter.endFile(), output.attributes, &shipment) }
    if !errors.isAtEnd { take(errors.cutter.endFile(), errors.attributes, &shipment) }
    flush(&shipment)
    hasEnded = true
    stopWatching()
    desk.forget(self)
    onEnd(code)
  }

  private func resumeWatches() {
    do throws(SystemError) {
      if !output.isAtEnd { try output.watch?.resume() }
      if !errors.isAtEnd { try errors.watch?.resume() }
    } catch {
      desk.log(.warning, "\(configuration.name): the output of the command is looked at now and then: \(error.text)")
      wait(for: Self.quietDuration)
    }
  }

  private func wait(for delay: Duration) {
    timer?.cancel()
    timer = desk.loop.schedule(after: delay) { [weak self] in self?.isReadable() }
  }

  /// - Returns: whether there may be more at once.
  private func readOnce(_ pipe: inout Pipe, _ shipment: inout Shipment) -> Bool {
    guard !pipe.isAtEnd else { return false }
    let count = unsafe Glibc.read(pipe.descriptor.number, &buffer, buffer.count)
    if count < 0 {
      if errno == EAGAIN { return false }
      return errno == EINTR
    }
    hasReadSinceExit = true
    if count == 0 {
      pipe.isAtEnd = true
      pipe.watch?.cancel()
      pipe.watch = nil
      take(pipe.cutter.endFile(), pipe.attributes, &shipment)
      return false
    }
    take(pipe.cutter.append(buffer[..<count]), pipe.attributes, &shipment)
    return true
  }

  // MARK: Lines

  private func take(_ lines: [LineCutter.Line], _ attributes: [LogAttribute], _ shipment: inout Shipment) {
    guard !lines.isEmpty else { return }
    let arrival = SystemClock.wall()
    timeLast = arrival
    var entries: [LogEntry] = []
    for cut in lines {
      var line = SourceLine(cut.bytes, byteCount: cut.byteCount, attributes: attributes)
      line.arrival = arrival
      pipeline.add(line, desk.loop.now) { entry, _ in if let entry { entries.append(entry) } }
    }
    for entry in entries { shipment.add(entry, to: configuration.stream) }
  }

  private func flush(_ shipment: inout Shipment) {
    var entries: [LogEntry] = []
    pipeline.flush { entry, _ in if let entry { entries.append(entry) } }
    for entry in entries { shipment.add(entry, to: configuration.stream) }
  }
}
