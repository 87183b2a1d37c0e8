// The target Crypto; Package.swift says what it may import.
