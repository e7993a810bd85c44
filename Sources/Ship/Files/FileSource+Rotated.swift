internal import Glibc
internal import LogsSystem
internal import LogsWire

/// Files that had a name of the globs and lost it again while nobody looked: found by their age, between the file that
/// was known last under a name and the one that has it now.
extension FileSource {
  /// What is known of the files that had one name.
  private struct Chain {
    /// The youngest of them.
    var last: OpenFileIdentity
    var mark: FileMark
    var marks: [FileMark] = []
    /// Which has the name now.
    var current: OpenFileIdentity?
    /// Whether the youngest is there, under another name: it was renamed, so that others are no copies of it.
    var isRenamed = false
    var candidates: [(identity: OpenFileIdentity, path: String)] = []
  }

  /// Reads files that were created and renamed while nobody looked, from their beginnings and in the order of their
  /// birth.
  ///
  /// Only those that are certainly no others: born after the file that was known last under a name, and before the one
  /// that has the name now; in the same directory, with the name and a number or a time; not known, not excluded, and
  /// with other bytes than the known ones. Had the last one been emptied in place and is it gone, others may be copies
  /// of what was read: then nothing is done.
  ///
  /// - Parameter found: the files that the globs name now.
  func findBetween(_ found: Set<String>) {
    // While the source runs, only a file that is not known yet is a reason.
    var currents: [String: OpenFileIdentity] = [:]
    for path in found {
      guard let identity = OpenFileIdentity(path: path), !isBegun || readers[identity] == nil else { continue }
      currents[path] = identity
    }
    if isBegun, currents.isEmpty { return }
    var known: [OpenFileIdentity: FileMark] = [:]
    for key in desk.bookmarkKeys(keyPrefix) {
      guard let identity = OpenFileIdentity(text: key.dropFirst(keyPrefix.count)),
        let mark = desk.bookmark(key).flatMap({ FileMark($0) })
      else { continue }
      known[identity] = mark
    }
    for (identity, reader) in readers { known[identity] = reader.mark }
    var chains: [String: Chain] = [:]
    for (identity, mark) in known where !isBegun || currents[mark.path] != nil {
      var chain = chains[mark.path] ?? Chain(last: identity, mark: mark)
      if chain.last.isOlder(than: identity) { (chain.last, chain.mark) = (identity, mark) }
      chain.marks.append(mark)
      chains[mark.path] = chain
    }
    for path in Array(chains.keys) {
      let current = currents[path] ?? OpenFileIdentity(path: path)
      chains[path]?.current = current
      // The name has a known file: there is none between.
      if let current, known[current] != nil { chains[path] = nil }
    }
    collectBetween(&chains, known)
    for (first, chain) in chains { addBetween(chain, first) }
  }

  private func collectBetween(_ chains: inout [String: Chain], _ known: [OpenFileIdentity: FileMark]) {
    for directory in Set(chains.keys.map(Self.directory(of:))).sorted() {
      for name in FileGlob.names(in: directory) {
        let path = Self.path(directory, name)
        let firsts = Self.firstNames(of: name).map { Self.path(directory, $0) }.filter { chains[$0] != nil }
        guard let first = firsts.first, FileGlob.kind(path, following: false) == .file,
          let identity = OpenFileIdentity(path: path), let chain = chains[first]
        else { continue }
        if identity == chain.last { chains[first]?.isRenamed = true }
        guard known[identity] == nil, chain.last.isOlder(than: identity),
          chain.current.map(identity.isOlder(than:)) ?? true, !configuration.takes(path),
          !configuration.excluded.contains(where: { $0.matches(path) })
        else { continue }
        chains[first]?.candidates.append((identity, path))
      }
    }
  }

  private func addBetween(_ chain: Chain, _ first: String) {
    guard chain.isRenamed || (chain.current != nil && !chain.mark.wasTruncated) else { return }
    for (identity, path) in chain.candidates.sorted(by: { $0.identity.isOlder(than: $1.identity) }) {
      guard let descriptor = try? PathText.open(path),
        OpenFileIdentity(descriptor.number) == identity,
        !chain.marks.contains(where: { Self.isCopy(descriptor.number, of: $0) })
      else { continue }
      _ = pickUp(descriptor, identity, path, firstName: first)
    }
  }

  /// Whether a file has the bytes of another one at both ends of what was read of that.
  private static func isCopy(_ descriptor: Int32, of mark: FileMark) -> Bool {
    guard mark.offset > 0, mark.head.byteCount > 0 else { return false }
    let tailCount = mark.tail.byteCount
    return sample(descriptor, 0, mark.head.byteCount) == mark.head
      && sample(descriptor, mark.offset - min(mark.offset, UInt64(tailCount)), tailCount) == mark.tail
  }

  /// The names that a file may have had before it was rotated: without a number or a time at the end, or without a time
  /// before the ending.
  static func firstNames(of name: String) -> [String] {
    var names = stems(of: Array(name.utf8), digitCountMin: 1)
    if let dot = name.lastIndex(of: "."), dot != name.startIndex, !name[dot...].dropFirst().allSatisfy(\.isNumber) {
      let ending = name[dot...]
      // `app-1.log` may be the log of another process.
      names += stems(of: Array(name[..<dot].utf8), digitCountMin: 6).map { $0 + ending }
    }
    return names
  }

  /// What is left without separators, digits and the letters of times at the end; the longest first.
  private static func stems(of name: [UInt8], digitCountMin: Int) -> [String] {
    var stems: [String] = []
    var digitCount = 0
    for index in name.indices.reversed() {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(name[index])
      if isDigit { digitCount += 1 } else if !"-_.:TZ+".utf8.contains(name[index]) { break }
      guard index > 0, "-_.".utf8.contains(name[index]), digitCount >= digitCountMin else { continue }
      stems.append(String(decoding: name[..<index], as: UTF8.self))
    }
    return stems
  }
}
