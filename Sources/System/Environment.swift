// `environ` is a plain variable of C. Nothing in this program changes it.
@preconcurrency @unsafe internal import Glibc

/// The variables that the process was started with.
package enum Environment {
  package static var variables: [String: String] {
    var variables: [String: String] = [:]
    var next = unsafe environ
    while let text = unsafe next.pointee {
      let words = unsafe String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      // Of two with the same name the first counts, as for getenv(3).
      if words.count == 2, variables[String(words[0])] == nil { variables[String(words[0])] = String(words[1]) }
      unsafe next += 1
    }
    return variables
  }
}
