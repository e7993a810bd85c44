/// Everything that peers send each other (`spec/wire.md`, section 4), except the batches, which follow it.
package enum Message: Sendable {
  case hello(Hello)
  case welcome(Welcome)
  case error(Refusal)
  case ping(UInt64)
  case pong(UInt64)
  case goAway(GoAway)
  case append(Append)
  case ack(Ack)
  case complete(Complete)
  case follow(Follow)
  case stream(Announcement)
  case resolved(streamCount: UInt32)
  case batch(BatchRange, batches: ByteString)
  case skip(Skip)
  case live
  case end(EndReason)
  case credit(total: UInt64)
  case cancel
  case list(ListRequest)
  case listing(Listing)
  case stat
  case status([ServerFact])
  case query(Query)
  case result(QueryResult)
  case progress(QueryProgress)
  case heads([StreamHead])
  case auth(token: String)
  case authorized
  case challenge(Challenge)
  case delete(DeleteRequest)
  case deleted(DeletionSummary)
  case dictionary(BatchDictionary)
}

/// A frame ready to be sent: the head, and the batches that follow it on the wire, whose bytes are shared.
package struct OutgoingFrame: Sendable {
  package let head: ByteString
  package let batches: ByteString

  package init(head: ByteString, batches: ByteString) {
    self.head = head
    self.batches = batches
  }

  package var byteCount: Int { head.count + batches.count }
}

extension Message {
  package var type: FrameType {
    switch self {
    case .hello: .hello
    case .welcome: .welcome
    case .error: .error
    case .ping: .ping
    case .pong: .pong
    case .goAway: .goAway
    case .append: .append
    case .ack: .ack
    case .complete: .complete
    case .follow: .follow
    case .stream: .stream
    case .resolved: .resolved
    case .batch: .batch
    case .skip: .skip
    case .live: .live
    case .end: .end
    case .credit: .credit
    case .cancel: .cancel
    case .list: .list
    case .listing: .listing
    case .stat: .stat
    case .status: .status
    case .query: .query
    case .result: .result
    case .progress: .progress
    case .heads: .heads
    case .auth: .auth
    case .authorized: .authorized
    case .challenge: .challenge
    case .delete: .delete
    case .deleted: .deleted
    case .dictionary: .dictionary
    }
  }

  /// The frame for this message; `id` is 0 if it concerns the connection.
  package func frame(id: UInt32) -> OutgoingFrame {
    var writer = ByteWriter(capacity: 128)
    var batches = ByteString()
    FrameHeader.begin(type, id: id, into: &writer)
    switch self {
    case .hello(let hello): hello.encode(into: &writer)
    case .welcome(let welcome): welcome.encode(into: &writer)
    case .error(let refusal): refusal.encode(into: &writer)
    case .ping(let token), .pong(let token): writer.append(u64: token)
    case .goAway(let goAway): goAway.encode(into: &writer)
    case .append(let append):
      append.encode(into: &writer)
      batches = append.batch
    case .ack(let ack): ack.encode(into: &writer)
    case .complete(let complete): complete.encode(into: &writer)
    case .follow(let follow): follow.encode(into: &writer)
    case .stream(let announcement): announcement.encode(into: &writer)
    case .resolved(let streamCount): writer.append(u32: streamCount)
    case .batch(let range, let run):
      range.encode(into: &writer)
      batches = run
    case .skip(let skip): skip.encode(into: &writer)
    case .live, .cancel, .stat, .authorized: break
    case .end(let reason):
      writer.append(reason.rawValue)
      writer.append(zeros: 3)
    case .credit(let total): writer.append(u64: total)
    case .list(let request): request.encode(into: &writer)
    case .listing(let listing): listing.encode(into: &writer)
    case .status(let facts): ServerFact.encode(facts, into: &writer)
    case .query(let query): query.encode(into: &writer)
    case .result(let result): result.encode(into: &writer)
    case .progress(let progress): progress.encode(into: &writer)
    case .heads(let heads): StreamHead.encode(heads, into: &writer)
    case .auth(let token): writer.append(text: token, limit: Limits.tokenByteCountMax)
    case .challenge(let challenge): challenge.encode(into: &writer)
    case .delete(let request): request.encode(into: &writer)
    case .deleted(let summary): summary.encode(into: &writer)
    case .dictionary(let dictionary): dictionary.encode(into: &writer)
    }
    FrameHeader.end(batchByteCount: batches.count, of: &writer)
    return OutgoingFrame(head: writer.finish(), batches: batches)
  }

  /// Reads the message of a frame, but not its batches.
  ///
  /// - Throws: `Refusal`. In a request (`FrameType.isRequest`) it concerns only the request, since the frame was whole;
  ///   in another frame, the connection.
  package init(decoding frame: Frame) throws(Refusal) {
    if frame.id != 0, frame.type.concernsConnection {
      throw Refusal(.protocolViolation, "\(frame.type) concerns the connection; its id is 0, not \(frame.id)")
    }
    do { self = try Self.message(of: frame) } catch {
      var refusal = error
      let isRequest = frame.type.isRequest
      if isRequest, refusal.code == .protocolViolation { refusal.code = .badRequest }
      if !isRequest, refusal.code == .badRequest { refusal.code = .protocolViolation }
      throw refusal
    }
  }

  private static func message(of frame: Frame) throws(Refusal) -> Message {
    let control = frame.control.span
    switch frame.type {
    case .error: return .error(try Refusal(decoding: control))
    case .append: return .append(try Append(decoding: control, batch: frame.batches))
    case .complete: return .complete(try Complete(decoding: control))
    case .follow: return .follow(try Follow(decoding: control))
    case .stream: return .stream(try Announcement(decoding: control))
    case .list: return .list(try ListRequest(decoding: control))
    case .listing: return .listing(try Listing(decoding: control))
    case .goAway: return .goAway(try GoAway(decoding: control))
    case .query: return .query(try Query(decoding: control))
    case .delete: return .delete(try DeleteRequest(decoding: control))
    case .hello, .welcome, .ping, .pong, .ack, .resolved, .batch, .skip, .live, .end, .credit, .cancel, .stat, .status,
      .result, .progress, .heads, .auth, .authorized, .challenge, .deleted, .dictionary:
      var reader = ByteReader(control)
      let message: Message
      do { message = try plain(frame, &reader) } catch { throw Refusal(.protocolViolation, error.description) }
      try Extensions.skip(&reader)
      return message
    }
  }

  /// The messages whose fields need no names to be checked.
  @_lifetime(reader: copy reader)
  private static func plain(_ frame: Frame, _ reader: inout ByteReader) throws(WireDecodingError) -> Message {
    switch frame.type {
    case .hello: return .hello(try Hello(from: &reader))
    case .welcome: return .welcome(try Welcome(from: &reader))
    case .ping: return .ping(try reader.u64())
    case .pong: return .pong(try reader.u64())
    case .ack:
      let ack = try Ack(from: &reader)
      if UInt64(frame.id) + UInt64(ack.appendCount) - 1 > UInt64(UInt32.max) {
        throw WireDecodingError("the ids of an ACK's run are above 32 bits", at: 0)
      }
      return .ack(ack)
    case .resolved: return .resolved(streamCount: try reader.u32())
    case .batch: return .batch(try BatchRange(from: &reader), batches: frame.batches)
    case .skip: return .skip(try Skip(from: &reader))
    case .live: return .live
    case .end:
      let reason = EndReason(rawValue: try reader.u8())
      try reader.zeros(3)
      return .end(reason)
    case .credit: return .credit(total: try reader.u64())
    case .cancel: return .cancel
    case .stat: return .stat
    case .status: return .status(try ServerFact.list(from: &reader))
    case .result: return .result(try QueryResult(from: &reader))
    case .progress: return .progress(try QueryProgress(from: &reader))
    case .heads: return .heads(try StreamHead.list(from: &reader))
    case .auth: return .auth(token: try reader.text(limit: Limits.tokenByteCountMax))
    case .authorized: return .authorized
    case .challenge: return .challenge(try Challenge(from: &reader))
    case .deleted: return .deleted(try DeletionSummary(from: &reader))
    case .dictionary: return .dictionary(try BatchDictionary(from: &reader))
    case .error, .goAway, .append, .complete, .follow, .stream, .list, .listing, .query, .delete:
      preconditionFailure("messages with names or extensions are decoded by their own initializers")
    }
  }

  /// A stream name that a peer sent.
  static func streamName(_ text: String) throws(Refusal) -> StreamName {
    do {
      if text.utf8.first == UInt8(ascii: "$") { return try StreamName(server: text) }
      return try StreamName(text)
    } catch { throw Refusal(.badRequest, error.description) }
  }

  /// A stream name that a client may write to.
  static func clientStreamName(_ text: String) throws(Refusal) -> StreamName {
    do { return try StreamName(text) } catch { throw Refusal(.badRequest, error.description) }
  }
}
