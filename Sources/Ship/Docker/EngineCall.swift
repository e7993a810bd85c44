internal import LogsTransport
internal import LogsWire

/// Gets what an engine answers. Called on the loop, never from inside a call to the request.
protocol EngineCallHandler: AnyObject {
  func answered(_ status: Int, _ call: EngineCall)
  func received(_ bytes: ArraySlice<UInt8>, _ call: EngineCall)
  /// The last call.
  ///
  /// - Parameter failure: why the answer is not complete; nil if it is.
  func ended(_ failure: DockerFailure?, _ call: EngineCall)
}

/// A GET request to an engine, on a connection of its own. No other method is ever used.
final class EngineCall: ConnectionHandler {
  private static let connectDuration = Duration.seconds(10)

  private weak var handler: (any EngineCallHandler)?
  private let target: String
  private var attempt: ConnectAttempt?
  private var connection: Connection?
  private var answer = EngineAnswer()
  private var hasEnded = false

  /// What answers, once it has.
  var server: String { answer.server }

  init(_ target: String, to engine: Endpoint, on loop: EventLoop, _ handler: any EngineCallHandler) {
    self.target = target
    self.handler = handler
    attempt = Connector.connect(to: engine, on: loop, timeout: Self.connectDuration) { [weak self] result in
      self?.connected(result)
    }
  }

  private func connected(_ result: Result<Connection, TransportError>) {
    attempt = nil
    switch result {
    case .failure(let error): end(DockerFailure(error.message))
    case .success(let connection):
      self.connection = connection
      connection.handler = self
      connection.send(
        ByteString("GET \(target) HTTP/1.1\r\nHost: docker\r\nUser-Agent: logs\r\nAccept: */*\r\n\r\n"))
    }
  }

  /// Leaves what comes with the engine until `resume`.
  func pause() { connection?.pauseReading() }

  func resume() { connection?.resumeReading() }

  /// Ends the request; the handler is not called any more.
  func cancel() {
    hasEnded = true
    attempt?.cancel()
    attempt = nil
    connection?.close()
    connection = nil
  }

  private func end(_ failure: DockerFailure?) {
    guard !hasEnded else { return }
    cancel()
    handler?.ended(failure, self)
  }

  private func forward(_ piece: EngineAnswer.Piece, _ hasCompleted: inout Bool) {
    guard !hasEnded else { return }
    switch piece {
    case .status(let status): handler?.answered(status, self)
    case .body(let bytes): handler?.received(bytes, self)
    case .end: hasCompleted = true
    }
  }

  // MARK: ConnectionHandler

  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !hasEnded else { return }
    var hasCompleted = false
    do throws(DockerFailure) {
      try answer.take(unsafe bytes.withUnsafeBytes { unsafe Array($0) }) { forward($0, &hasCompleted) }
    } catch {
      return end(error)
    }
    if hasCompleted { end(nil) }
  }

  func inputEnded(on connection: Connection) { closed("the engine has closed the connection") }

  func closed(_ connection: Connection, reason: CloseReason) {
    if case .failed(let error) = reason { closed(error.message) } else { closed("the connection was closed") }
  }

  private func closed(_ why: String) {
    guard !hasEnded else { return }
    var hasCompleted = false
    let isWhole = answer.close { forward($0, &hasCompleted) }
    end(isWhole ? nil : DockerFailure(why))
  }
}

/// A request whose answer is small enough to be kept until it is whole.
final class EngineFetch: EngineCallHandler {
  /// A list of containers with many labels.
  static let byteCountMax = 16 << 20
  static let duration = Duration.seconds(30)

  struct Answer {
    var status: Int
    var body: [UInt8]
    var server: String
  }

  private var call: EngineCall?
  private var timer: LoopTimer?
  private var status = 0
  private var bytes: [UInt8] = []
  private var completion: ((Result<Answer, DockerFailure>) -> Void)?

  /// - Parameter completion: called once, unless the fetch is cancelled.
  init(
    _ target: String, from engine: Endpoint, on loop: EventLoop,
    then completion: @escaping (Result<Answer, DockerFailure>) -> Void
  ) {
    self.completion = completion
    call = EngineCall(target, to: engine, on: loop, self)
    timer = loop.schedule(after: Self.duration) { [weak self] in
      self?.finish(.failure(DockerFailure("the engine gave no answer within \(Self.duration)")))
    }
  }

  func cancel() {
    completion = nil
    call?.cancel()
    timer?.cancel()
  }

  private func finish(_ result: Result<Answer, DockerFailure>) {
    guard let completion else { return }
    cancel()
    completion(result)
  }

  func answered(_ status: Int, _ call: EngineCall) { self.status = status }

  func received(_ bytes: ArraySlice<UInt8>, _ call: EngineCall) {
    self.bytes += bytes
    if self.bytes.count > Self.byteCountMax {
      finish(.failure(DockerFailure("the engine's answer has more than \(Self.byteCountMax) bytes")))
    }
  }

  func ended(_ failure: DockerFailure?, _ call: EngineCall) {
    finish(failure.map { .failure($0) } ?? .success(Answer(status: status, body: bytes, server: call.server)))
  }
}
