internal import CNghttp2
internal import LogsWire

/// The frames of HTTP/2 (RFC 9113) on the server's side, without a socket: bytes in, requests out, and the reverse.
@safe final class HTTP2Session {
  enum Event {
    /// Its body follows, until `ended`.
    case request(Int32, HTTPRequest)
    /// A request that asks for too much, and why it is not read. Its body is not wanted.
    case refused(Int32, HTTPRequest, HTTPProblem)
    case body(Int32, [UInt8])
    case ended(Int32)
    /// Nothing more can be sent, or is wanted, on the stream.
    case closed(Int32, isReset: Bool)
    /// The headers of a request broke the rules, so that there was none.
    case broken
  }

  /// What a client begins with.
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  private var session: OpaquePointer?
  private var events: [Event] = []
  /// Requests whose headers come.
  private var requests: [Int32: Incoming] = [:]
  private var outputs: [Int32: Outgoing] = [:]

  private struct Incoming {
    var headers: [HTTPHeader] = []
    var method = ""
    var path = ""
    var byteCount = 0
    var isRefused = false
  }

  /// What waits to be sent on a stream.
  private struct Outgoing {
    var pieces: [ByteString] = []
    var offset = 0
    var byteCount = 0
    var isEnded = false
  }

  init() {
    var callbacks: OpaquePointer?
    unsafe nghttp2_session_callbacks_new(&callbacks)
    defer { unsafe nghttp2_session_callbacks_del(callbacks) }
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      unsafe HTTP2Session.from(user).requests[frame.pointee.hd.stream_id] = Incoming()
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameCount, value, valueCount, _, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      let name = unsafe String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
      let value = unsafe String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
      unsafe HTTP2Session.from(user).take(frame.pointee.hd.stream_id, HTTPHeader(name, value))
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      unsafe HTTP2Session.from(user).take(frame.pointee.hd)
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, bytes, count, user in
      guard let user = unsafe user else { return 0 }
      let bytes = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
      unsafe HTTP2Session.from(user).events.append(.body(stream, bytes))
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
      guard let user = unsafe user else { return 0 }
      unsafe HTTP2Session.from(user).close(stream, code)
      return 0
    }
    let user = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard unsafe nghttp2_session_server_new(&session, callbacks, user) == 0 else {
      fatalError("out of memory for HTTP/2")
    }
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue), value: UInt32(HTTPLimits.streamCountMax)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(HTTPLimits.headersByteCountMax)),
    ]
    unsafe nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
  }

  deinit { unsafe nghttp2_session_del(session) }

  private static func from(_ user: UnsafeMutableRawPointer) -> HTTP2Session {
    unsafe Unmanaged<HTTP2Session>.fromOpaque(user).takeUnretainedValue()
  }

  // MARK: Input

  /// - Returns: nil once the client has broken the protocol; `output` then says why.
  func receive(_ bytes: RawSpan) -> [Event]? {
    let status = unsafe bytes.withUnsafeBytes { bytes in
      unsafe nghttp2_session_mem_recv(session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
    defer { events = [] }
    return status < 0 ? nil : events
  }

  private func take(_ stream: Int32, _ header: HTTPHeader) {
    guard var request = requests[stream] else { return }
    request.byteCount += header.name.utf8.count + header.value.utf8.count
    switch header.name {
    case ":method": request.method = header.value
    case ":path": request.path = header.value
    case ":authority": request.headers.append(HTTPHeader("host", header.value))
    case ":scheme": break
    case "host" where request.headers.contains { $0.name == "host" }: break
    default:
      request.isRefused =
        request.byteCount > HTTPLimits.headersByteCountMax || request.headers.count >= HTTPLimits.headerCountMax
      if !request.isRefused { request.headers.append(header) }
    }
    requests[stream] = request
  }

  private func take(_ frame: nghttp2_frame_hd) {
    let stream = frame.stream_id
    let isEnd = frame.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch UInt32(frame.type) {
    case NGHTTP2_HEADERS.rawValue:
      // Trailers say nothing here.
      if let incoming = requests.removeValue(forKey: stream), !incoming.method.isEmpty {
        var request = HTTPRequest(method: incoming.method, target: incoming.path, isVersion10: false)
        request.headers = incoming.headers
        if incoming.path.utf8.count > HTTPLimits.lineByteCountMax {
          events.append(.refused(stream, request, HTTPRequestParser.longLine))
        } else if incoming.isRefused {
          events.append(.refused(stream, request, HTTPRequestParser.tooManyHeaders))
        } else {
          events.append(.request(stream, request))
        }
      }
      if isEnd { events.append(.ended(stream)) }
    case NGHTTP2_DATA.rawValue: if isEnd { events.append(.ended(stream)) }
    default: break
    }
  }

  private func close(_ stream: Int32, _ code: UInt32) {
    if requests.removeValue(forKey: stream) != nil { events.append(.broken) }
    outputs[stream] = nil
    events.append(.closed(stream, isReset: code != NGHTTP2_NO_ERROR.rawValue))
  }

  // MARK: Output

  /// The next bytes to send; nil if there are none now.
  func output() -> ByteString? {
    var bytes: UnsafePointer<UInt8>?
    let count = unsafe nghttp2_session_mem_send(session, &bytes)
    guard count > 0, let bytes = unsafe bytes else { return nil }
    return unsafe ByteString(copying: RawSpan(_unsafeStart: bytes, byteCount: count))
  }

  /// What closed while output was made.
  func takeEvents() -> [Event] {
    defer { events = [] }
    return events
  }

  /// Whether neither side has anything more to say.
  var isOver: Bool { unsafe nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0 }

  /// Sends a head; `write` and `end` continue it if it has a body.
  func respond(_ stream: Int32, _ head: HTTPHead, date: String, hasBody: Bool) {
    var texts = [(":status", "\(head.status)")]
    for header in head.complete(date: date) { texts.append((header.name.lowercased(), header.value)) }
    let bytes = texts.flatMap { Array($0.0.utf8) + Array($0.1.utf8) }
    if hasBody { outputs[stream] = Outgoing() }
    unsafe bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      var offset = 0
      var fields: [nghttp2_nv] = unsafe []
      for (name, value) in texts {
        let (nameCount, valueCount) = (name.utf8.count, value.utf8.count)
        let start = unsafe UnsafeMutablePointer(mutating: base + offset)
        unsafe fields.append(
          nghttp2_nv(
            name: start, value: unsafe start + nameCount, namelen: nameCount, valuelen: valueCount,
            flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        offset += nameCount + valueCount
      }
      var provider = unsafe nghttp2_data_provider()
      unsafe provider.read_callback = { _, stream, buffer, count, flags, _, user in
        guard let user = unsafe user, let buffer = unsafe buffer, let flags = unsafe flags else { return 0 }
        return unsafe HTTP2Session.from(user).read(
          stream, UnsafeMutableRawBufferPointer(start: buffer, count: count), &flags.pointee)
      }
      if hasBody {
        unsafe nghttp2_submit_response(session, stream, fields, fields.count, &provider)
      } else {
        unsafe nghttp2_submit_response(session, stream, fields, fields.count, nil)
      }
    }
  }

  func write(_ stream: Int32, _ bytes: ByteString) {
    guard outputs[stream] != nil, !bytes.isEmpty else { return }
    outputs[stream]?.pieces.append(bytes)
    outputs[stream]?.byteCount += bytes.count
    unsafe nghttp2_session_resume_data(session, stream)
  }

  func end(_ stream: Int32) {
    outputs[stream]?.isEnded = true
    unsafe nghttp2_session_resume_data(session, stream)
  }

  /// How much waits to be sent.
  func waitingByteCount(_ stream: Int32) -> Int { outputs[stream]?.byteCount ?? 0 }

  private func read(_ stream: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ flags: inout UInt32) -> Int {
    guard var output = outputs[stream] else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
    var count = 0
    while count < buffer.count, let piece = output.pieces.first {
      let part = min(buffer.count - count, piece.count - output.offset)
      unsafe piece.withUnsafeBytes { bytes in
        let source = unsafe UnsafeRawBufferPointer(rebasing: bytes[output.offset..<output.offset + part])
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: source)
      }
      count += part
      output.offset += part
      if output.offset == piece.count {
        output.pieces.removeFirst()
        output.offset = 0
      }
    }
    output.byteCount -= count
    outputs[stream] = output
    if output.isEnded, output.byteCount == 0 { flags |= NGHTTP2_DATA_FLAG_EOF.rawValue }
    return count == 0 && !output.isEnded ? Int(NGHTTP2_ERR_DEFERRED.rawValue) : count
  }

  func reset(_ stream: Int32, _ code: nghttp2_error_code) {
    unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// The rest of a request is not wanted: its answer is complete.
  func stopReading(_ stream: Int32) { reset(stream, NGHTTP2_NO_ERROR) }

  /// An answer that stays incomplete.
  func cut(_ stream: Int32) { reset(stream, NGHTTP2_INTERNAL_ERROR) }

  /// No new requests are taken.
  func goAway() {
    let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
    unsafe nghttp2_submit_goaway(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
  }

  /// The connection ends, since the client asks for too much.
  func refuse() { unsafe nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM.rawValue) }
}
