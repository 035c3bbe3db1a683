/// The version of this tool.
public enum ToolVersion {
  public static let current = "0.1.0"
}
