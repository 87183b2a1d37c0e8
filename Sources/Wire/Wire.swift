// The target Wire; Package.swift says what it may import.
