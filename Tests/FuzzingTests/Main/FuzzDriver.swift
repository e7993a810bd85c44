import CFuzzer
import Glibc

/// Lends a target to libFuzzer.
enum FuzzDriver {
  /// Set once, before libFuzzer calls back on the same thread.
  nonisolated(unsafe) private static var target: FuzzTarget?

  static func fuzz(_ target: FuzzTarget, _ arguments: [String]) -> Int32 {
    self.target = target
    var words: [UnsafeMutablePointer<CChar>?] =
      (["fuzz", "-max_len=\(target.byteCountMax)"] + arguments).map { strdup($0) } + [nil]
    let owned = words
    defer { owned.forEach { free($0) } }
    var count = Int32(words.count - 1)
    return words.withUnsafeMutableBufferPointer { buffer in
      var base = buffer.baseAddress
      return LLVMFuzzerRunDriver(&count, &base) { bytes, count in
        let input = Array(UnsafeBufferPointer(start: bytes, count: count))
        do { try FuzzDriver.target?.run(input) } catch { fatalError("\(error)") }
        return 0
      }
    }
  }
}
