import Foundation

/// The files of a directory as they were made, to be damaged again and again.
struct FuzzedFiles: Sendable {
  /// Ascending by their names below the directory.
  private let files: [(name: String, bytes: [UInt8])]

  /// - Parameter skips: names that are made anew.
  init(of directory: String, without skips: Set<String>) throws {
    let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
    files = try names.sorted().compactMap { name in
      var isFolder: ObjCBool = false
      let path = "\(directory)/\(name)"
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue,
        !skips.contains(name)
      else { return nil }
      return (name, Array(try Data(contentsOf: URL(filePath: path))))
    }
  }

  /// Writes the files, with the damage that an input says: up to eight changes of bytes, cuts and removals.
  func write(to directory: String, _ input: inout FuzzInput) throws {
    var damaged = files
    for _ in 0..<8 where !input.isAtEnd && !damaged.isEmpty {
      let index = Int(input.byte()) % damaged.count
      let kind = input.byte()
      let count = damaged[index].bytes.count
      let place = count == 0 ? 0 : Int(input.integer(UInt32.self)) % count
      switch kind % 16 {
      case 0: damaged[index].bytes.removeLast(count - place)
      case 1: damaged.remove(at: index)
      case 2:
        // Half a page, as a disk may lose it.
        for offset in place..<min(place + 2048, count) { damaged[index].bytes[offset] = 0 }
      default:
        let bytes = input.bytes(Int(kind >> 4) + 1).prefix(count - place)
        damaged[index].bytes.replaceSubrange(place..<place + bytes.count, with: bytes)
      }
    }
    for (name, bytes) in damaged {
      let url = URL(filePath: "\(directory)/\(name)")
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: url)
    }
  }

  /// Inputs that change nothing, or one byte of each file.
  var seeds: [[UInt8]] {
    var seeds: [[UInt8]] = [[]]
    for index in files.indices {
      for place in [0, 100, files[index].bytes.count / 2] {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: place >> (8 * $0)) }
        seeds.append([UInt8(index), 3] + bytes + [0x5a])
      }
    }
    return seeds
  }
}

/// A directory for one input, in memory if the system has one there; removed at the end.
final class FuzzDirectory {
  let path: String

  init() throws {
    let parent = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    path = "\(parent)/logs-fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
