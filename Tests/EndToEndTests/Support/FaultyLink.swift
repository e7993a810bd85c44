import Glibc

/// What one connection of a `FaultyProxy` has passed on so far, and where its fault occurs.
struct FaultyLink {
  private let fault: FaultyProxy.Fault?
  private var passed: [FaultyProxy.Direction: Int] = [:]
  private var hasHappened = false
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  enum Outcome {
    case going
    case over
    case cut
    case stalled
    /// The fault has occurred, and the connection goes on.
    case happened
    /// These bytes and all later ones have to wait until the next connection has brought that many.
    case late([UInt8], behind: Int)
  }

  init(fault: FaultyProxy.Fault?) { self.fault = fault }

  func passedByteCount(_ direction: FaultyProxy.Direction) -> Int { passed[direction, default: 0] }

  mutating func pass(_ source: Int32, to target: Int32, _ direction: FaultyProxy.Direction) -> Outcome {
    var size = buffer.count
    if case .slow(let piece, let pause) = fault {
      usleep(UInt32(pause / .microseconds(1)))
      size = piece
    }
    let count = recv(source, &buffer, size, 0)
    if count <= 0 { return .over }
    let before = passed[direction, default: 0]
    passed[direction] = before + count
    var outcome = Outcome.going
    var kept = count
    switch fault {
    case .cut(direction, let place) where before + count > place:
      (kept, outcome) = (place - before, .cut)
    case .stall(direction, let place) where before + count > place:
      (kept, outcome) = (place - before, .stalled)
    case .halfOpen(direction, let place) where before + count > place:
      (kept, outcome) = (max(0, place - before), hasHappened ? .going : .happened)
    case .late(let place, let behind) where direction == .toServer && before + count > place:
      kept = place - before
      outcome = .late(Array(buffer[kept..<count]), behind: behind)
    case .corrupt(direction, let place) where before <= place && place < before + count:
      buffer[place - before] ^= 0x24
      outcome = .happened
    default: break
    }
    if case .happened = outcome { hasHappened = true }
    return Self.send(buffer[..<kept], to: target) ? outcome : .over
  }

  /// Writes everything, waiting for room.
  static func send(_ bytes: ArraySlice<UInt8>, to target: Int32) -> Bool {
    var offset = bytes.startIndex
    while offset < bytes.endIndex {
      let count = bytes[offset...].withUnsafeBytes { Glibc.send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return false }
      offset += count
    }
    return true
  }

  /// Bytes that have arrived and were not read yet.
  static func rest(of source: Int32) -> [UInt8] {
    var rest: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(source, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count <= 0 { return rest }
      rest += buffer[..<count]
    }
  }

  /// Reads and discards bytes.
  ///
  /// - Returns: false at the end.
  static func read(_ source: Int32) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    return recv(source, &buffer, buffer.count, 0) > 0
  }
}
