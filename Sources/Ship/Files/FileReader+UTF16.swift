/// Files in UTF-16.
extension FileReader {
  /// The order of a file in UTF-16, by the mark that its first bytes may be.
  static func utf16(_ bytes: ArraySlice<UInt8>) -> Bool? {
    switch Array(bytes.prefix(2)) {
    case [0xff, 0xfe]: false
    case [0xfe, 0xff]: true
    default: nil
    }
  }

  /// Of UTF-16, only whole lines are taken: where each ends in the file is not known once they are decoded.
  static func wholeLines(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool) -> ArraySlice<UInt8> {
    var index = bytes.endIndex - (bytes.count % 2) - 2
    while index >= bytes.startIndex {
      let (first, second) = (bytes[index], bytes[index + 1])
      if isBigEndian ? first == 0 && second == 10 : first == 10 && second == 0 { return bytes[...(index + 1)] }
      index -= 2
    }
    return bytes
  }
}
