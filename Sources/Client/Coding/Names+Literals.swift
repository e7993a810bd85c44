internal import LogsWire

extension StreamName: ExpressibleByStringLiteral {
  /// A name in source code. An invalid one stops the program; `init(_:)` throws instead.
  public init(stringLiteral text: String) {
    do throws(LogError) { try self.init(text) } catch { preconditionFailure(error.message) }
  }
}

extension StreamPattern: ExpressibleByStringLiteral {
  /// A pattern in source code. An invalid one stops the program; `init(_:)` throws instead.
  public init(stringLiteral text: String) {
    do throws(LogError) { try self.init(text) } catch { preconditionFailure(error.message) }
  }
}
