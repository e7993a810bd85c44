internal import Glibc

/// The program `logsd`, for commands that run it.
enum ServerProgram {
  /// Where it is: beside this program, else in `$PATH`.
  ///
  /// - Parameters:
  ///   - purpose: what it is to do, for the message.
  ///   - advice: what else can be done.
  static func path(for purpose: String, advice: String = "") throws(CommandError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let beside = own.lastIndex(of: "/").map { String(own[..<$0]) }
    let directories =
      [beside].compactMap(\.self) + (Terminal.environment("PATH") ?? "").split(separator: ":").map(String.init)
    for directory in directories {
      let path = "\(directory)/logsd"
      if unsafe access(path, X_OK) == 0 { return path }
    }
    throw CommandError(
      "there is no logsd beside \(own) and none in $PATH to \(purpose); install it there\(advice)")
  }
}
