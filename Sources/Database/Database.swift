// The target Database; Package.swift says what it may import.
