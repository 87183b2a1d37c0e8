// The target VectorSuites; Package.swift says what it may import.
