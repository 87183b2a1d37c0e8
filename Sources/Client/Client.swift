// The target Client; Package.swift says what it may import.
