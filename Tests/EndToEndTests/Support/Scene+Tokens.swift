import Foundation

extension Scene {
  /// A new token for the server that has its data in `data`.
  ///
  /// - Returns: the secret.
  func makeToken(_ name: String, _ rights: [String], data: String) throws -> String {
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    let words = ["token", "create", "--data", data, "--name", name] + rights.flatMap { ["--allow", $0] }
    let made = try run(Binaries.logsd, words)
    guard made.exit == .code(0), let secret = made.lines.first else { throw Failure("token create: \(made.errors)") }
    return secret
  }
}
