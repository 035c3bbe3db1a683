import Reports

/// The manual page of all commands, made of what the argument parser knows about them, as man(7) source.
struct ManualPage {
  private let root: JSONValue

  /// `description` is the argument parser's own description of the command line.
  init(_ description: JSONValue) { root = description["command"] ?? description }

  func text() -> String {
    var text = ".TH KMEMREPLAY 1 \"\" \"kmemreplay \(Self.escaped(ToolVersion.current))\" \"User Commands\"\n"
    text += ".SH NAME\nkmemreplay \\- \(Self.escaped(root["abstract"]?.text ?? ""))\n"
    text += ".SH SYNOPSIS\n.B kmemreplay\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
    text += ".SH DESCRIPTION\n" + Self.paragraphs(root["discussion"]?.text ?? "")
    text += ".SH COMMANDS\n"
    for command in commands {
      text += ".SS \(Self.escaped(command["commandName"]?.text ?? ""))\n"
      text += Self.paragraphs(command["abstract"]?.text ?? "")
      text += Self.paragraphs(command["discussion"]?.text ?? "")
      for argument in Self.list(command["arguments"]) { text += Self.entry(argument) }
    }
    text += ".SH EXIT STATUS\n"
    for (code, meaning) in [
      ("0", "Done."), ("1", "Done, and a threshold that --fail-on sets was exceeded."),
      ("2", "It could not be done or, with --strict, data was lost."), ("64", "The command line makes no sense."),
    ] {
      text += ".TP\n.B \(code)\n\(Self.escaped(meaning))\n"
    }
    text += ".SH SEE ALSO\n.BR trace\\-cmd (1),\n.BR perf\\-kmem (1)\n"
    return text
  }

  private var commands: [JSONValue] {
    Self.list(root["subcommands"]).filter { $0["shouldDisplay"] != .bool(false) && $0["commandName"]?.text != "help" }
  }

  private static func list(_ value: JSONValue?) -> [JSONValue] {
    if case .array(let elements)? = value { elements } else { [] }
  }

  private static func entry(_ argument: JSONValue) -> String {
    if argument["shouldDisplay"] == .bool(false) { return "" }
    let names = list(argument["names"]).compactMap { name -> String? in
      guard let text = name["name"]?.text else { return nil }
      return (name["kind"]?.text == "short" ? "-" : "--") + text
    }
    if names.contains("--help") || names.contains("--version") { return "" }
    let value = argument["valueName"]?.text ?? ""
    var head: String
    if names.isEmpty {
      head = "\\fI\(escaped(value))\\fR"
    } else {
      head = "\\fB" + names.map { escaped($0) }.joined(separator: "\\fR, \\fB") + "\\fR"
      if argument["kind"]?.text == "option" { head += " \\fI\(escaped(value))\\fR" }
    }
    var body = [argument["abstract"]?.text, argument["discussion"]?.text].compactMap { $0 }.joined(separator: " ")
    let values = list(argument["allValues"]).compactMap(\.text)
    if !values.isEmpty { body += " One of " + values.joined(separator: ", ") + "." }
    if let standard = argument["defaultValue"]?.text { body += " (default: \(standard))" }
    return ".TP\n\(head)\n\(escaped(body))\n"
  }

  private static func paragraphs(_ text: String) -> String {
    text.split(separator: "\n").map { ".PP\n\(escaped(String($0)))\n" }.joined()
  }

  /// Text that man(7) prints as it is: no line of it is a request.
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if !escaped.isEmpty { escaped += "\n" }
      var printable = line.replacing("\\", with: "\\e").replacing("-", with: "\\-")
      if let first = printable.first, first == "." || first == "'" { printable = "\\&" + printable }
      escaped += printable
    }
    return escaped
  }
}
