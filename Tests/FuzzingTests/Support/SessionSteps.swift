@testable import LogsWire

/// What happens to a session, as an input says.
enum SessionStep {
  /// A signed frame comes.
  case frame([UInt8])
  /// Bytes come as they are.
  case bytes([UInt8])
  /// The user of the session wants this.
  case request(Message)
  /// Something that needs no bytes: which of them, and of what.
  case call(UInt8, UInt8)

  static let frameMark: UInt8 = 0
  static let bytesMark: UInt8 = 1
  static let requestMark: UInt8 = 2
  static let callMark: UInt8 = 3

  /// - Parameter seed: what the batches of a frame are signed with; nil to leave them.
  init?(_ input: inout FuzzInput, seed: UInt64?) {
    let mark = input.byte() & 3
    switch mark {
    case Self.frameMark, Self.requestMark:
      let type = input.byte()
      let id = UInt32(input.byte())
      let control = input.bytes(Int(input.byte()) | Int(input.byte() & 3) << 8)
      var batches: [UInt8] = []
      if FrameType(rawValue: type)?.carriesBatches == true {
        batches = input.bytes(Int(input.byte()) | Int(input.byte() & 7) << 8)
        if let seed { Signing.sign(run: &batches, seed: seed) }
      }
      guard mark == Self.requestMark else {
        self = .frame(Signing.frame(type: type, id: id, control: control, batches: batches))
        return
      }
      guard let known = FrameType(rawValue: type) else { return nil }
      let frame = Frame(type: known, id: id, control: ByteString(control), batches: ByteString(batches))
      guard let message = try? Message(decoding: frame) else { return nil }
      self = .request(message)
    case Self.bytesMark: self = .bytes(input.chunk())
    default: self = .call(input.byte(), input.byte())
    }
  }

  /// The input that makes this frame come, or be asked for.
  static func input(_ mark: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    let control = Int(Signing.load(bytes, 12, UInt32.self))
    let (body, batches) = (bytes[20..<20 + control], bytes[(20 + control)...])
    var input = [mark, bytes[4], bytes[8], UInt8(control & 0xff), UInt8(control >> 8)] + body
    if FrameType(rawValue: bytes[4])?.carriesBatches == true {
      input += [UInt8(batches.count & 0xff), UInt8(batches.count >> 8)] + batches
    }
    return input
  }
}
