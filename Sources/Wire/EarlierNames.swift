// What types were called before, until all code has the new names.

package typealias Entry = LogEntry
package typealias Attribute = LogAttribute
package typealias Severity = LogSeverity
package typealias Selector = StreamSelector
package typealias Start = FollowStart
package typealias End = FollowEnd
package typealias Fact = ServerFact
package typealias ErrorCode = RefusalCode
package typealias Bytes = ByteString
