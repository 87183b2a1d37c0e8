// The target Channel; Package.swift says what it may import.
