internal import LogsWire

extension StreamName: ExpressibleByStringLiteral {
  /// A name in the source. One that breaks the rules stops the program, which `init(_:)` does not do: it throws.
  public init(stringLiteral text: String) {
    do throws(LogError) { try self.init(text) } catch { preconditionFailure(error.message) }
  }
}

extension StreamPattern: ExpressibleByStringLiteral {
  /// A pattern in the source. One that breaks the rules stops the program, which `init(_:)` does not do: it throws.
  public init(stringLiteral text: String) {
    do throws(LogError) { try self.init(text) } catch { preconditionFailure(error.message) }
  }
}
