/// What a command on this machine may ask of a server that runs, over the socket `control.sock` in its data directory.
///
/// A call is one line, the command's name. The answer is a line for each thing that is to be said, its level and the
/// text, then `ok` or `failed`; then the server closes. docs/operations.md describes it.
enum ControlCommand: String, CaseIterable, Sendable {
  /// Reads settings, tokens and certificate again.
  case reload
  /// Has everything stored so far sealed, and answers when it is.
  case seal

  static func socketPath(_ dataDirectory: String) -> String { "\(dataDirectory)/control.sock" }

  /// What the last line of an answer is.
  static let success = "ok"
  static let failure = "failed"
}
