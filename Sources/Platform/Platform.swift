// The target Platform; Package.swift says what it may import.
