/// Suggests a name for one that is unknown.
package enum Spelling {
  /// The name nearest to `word`, if it is near enough: up to a third of the letters may be wrong, and all be capitals.
  package static func nearest(to word: String, among names: [String]) -> String? {
    let letters = Array(word.lowercased().utf8)
    // Names are short: a long word is none of them.
    guard letters.count <= 64 else { return nil }
    let distances = names.map { (name: $0, distance: distance(letters, Array($0.lowercased().utf8))) }
    guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return nearest.distance <= max(1, letters.count / 3) ? nearest.name : nil
  }

  /// `; did you mean --data?`, or nothing.
  package static func suggestion(_ word: String, among names: [String], prefix: String = "") -> String {
    nearest(to: word, among: names).map { "; did you mean \(prefix)\($0)?" } ?? ""
  }

  /// How many letters are wrong, missing, superfluous, or swapped.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var rows = [Array(0...right.count)]
    for row in 0..<left.count {
      var next = [row + 1]
      for column in 0..<right.count {
        let isSame = left[row] == right[column]
        var best = min(rows[row][column] + (isSame ? 0 : 1), rows[row][column + 1] + 1, next[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, rows[row - 1][column - 1] + 1)
        }
        next.append(best)
      }
      rows.append(next)
    }
    return rows[left.count][right.count]
  }
}
