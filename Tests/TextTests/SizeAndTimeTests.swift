import LogsText
import Testing

@Suite struct SizeAndTimeTests {
  @Test(arguments: [
    ("512", 512), ("256M", 256 << 20), ("1g", 1 << 30), ("0", 0), ("20GB", 20 << 30), ("3MiB", 3 << 20),
    ("7kb", 7 << 10),
  ])
  func `sizes are read in powers of 1,024`(text: String, count: Int) { #expect(ByteSize.parse(text) == count) }

  @Test(arguments: ["", "-1", "M", "1.5G", "9223372036854775807K", "1Q", "5B", "B", "iB", "5iB", "GB"])
  func `text that is not a size is refused`(text: String) { #expect(ByteSize.parse(text) == nil) }

  @Test(
    arguments: [
      (0, "0 bytes"), (1, "1 byte"), (1_023, "1023 bytes"), (1_024, "1.0 KiB"), (1_258_291, "1.2 MiB"),
      (20 << 30, "20.0 GiB"), (.max, "16777216.0 TiB"),
    ] as [(UInt64, String)])
  func `sizes are shown to people in the largest unit`(count: UInt64, text: String) {
    #expect(ByteSize.rounded(count) == text)
  }

  @Test(arguments: ["", "0s", "-1s", "10", "1 s", "99999999999999d"])
  func `text that is not a time span is refused`(text: String) { #expect(TimeSpan.parse(text) == nil) }

  @Test(arguments: [
    ("500ms", Duration.milliseconds(500)), ("90s", .seconds(90)), ("24h", .seconds(86_400)),
    ("14d", .seconds(1_209_600)),
  ])
  func `time spans are read, and shown in the largest unit that fits`(text: String, duration: Duration) {
    #expect(TimeSpan.parse(text) == duration)
    #expect(TimeSpan.parse(TimeSpan.format(duration)) == duration)
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000000000Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
    (Int64.max, "2262-04-11T23:47:16.854775807Z"), (Int64.min, "1677-09-21T00:12:43.145224192Z"),
  ])
  func `times at the limits are right`(nanoseconds: Int64, text: String) {
    #expect(Timestamp.rfc3339(nanoseconds) == text)
  }
}

@Suite struct HTTPDateTextTests {
  @Test(arguments: [
    (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (1_768_046_400, "Sat, 10 Jan 2026 12:00:00 GMT"), (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
  ])
  func `dates of HTTP have a fixed form`(second: Int, text: String) {
    #expect(Timestamp.http(second: Int64(second)) == text)
  }
}
