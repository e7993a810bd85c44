/// One kind of input that comes from others, and what must hold whatever it is.
struct FuzzTarget: Sendable {
  /// For the command line.
  let name: String
  /// Longer inputs are not tried.
  let byteCountMax: Int
  /// Words that inputs are made of.
  var words: [String] = []
  /// Inputs to start from.
  let seeds: @Sendable () throws -> [[UInt8]]
  /// Traps, or throws `BrokenRule`, if something does not hold.
  let run: @Sendable (inout FuzzInput) throws -> Void

  static let all: [FuzzTarget] = [
    .frames, .messages, .batches, .attributes, .filters, .serverSession, .clientSession, .store, .spool, .lines,
    .archives, .http, .webSocket, .http2,
  ]

  func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    try run(&input)
  }
}

/// What does not hold for an input.
struct BrokenRule: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  static func check(_ holds: Bool, _ rule: @autoclosure () -> String) throws {
    if !holds { throw BrokenRule(rule()) }
  }
}
