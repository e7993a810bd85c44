import Foundation

/// `fuzz list | seeds TARGET DIRECTORY | run TARGET HEX | fuzz TARGET ARGUMENT...`, the arguments being libFuzzer's.
@main enum FuzzProgram {
  static func main() throws {
    let words = Array(CommandLine.arguments.dropFirst())
    let target = words.dropFirst().first.flatMap { name in FuzzTarget.all.first { $0.name == name } }
    switch (words.first, target) {
    case ("list", nil): for target in FuzzTarget.all { print(target.name) }
    case ("seeds", let target?): try writeSeeds(of: target, to: words.last ?? "")
    case ("run", let target?):
      try target.run(SeedVectors.hex(words.last ?? ""))
      print("nothing is wrong")
    case ("fuzz", let target?): exit(FuzzDriver.fuzz(target, Array(words.dropFirst(2))))
    default: fatalError("no such target, or nothing to do")
    }
  }

  /// Writes a file for each seed, and a dictionary for libFuzzer beside the directory.
  private static func writeSeeds(of target: FuzzTarget, to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (number, seed) in try target.seeds().enumerated() {
      try Data(seed).write(to: URL(filePath: "\(directory)/seed-\(number)"))
    }
    // libFuzzer refuses an empty one.
    let words = target.words.map { word in
      "\"" + word.utf8.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\"\n"
    }
    try Data(("# words\n" + words.joined()).utf8).write(to: URL(filePath: "\(directory).words"))
  }
}
