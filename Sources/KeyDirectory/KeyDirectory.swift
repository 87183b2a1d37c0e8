// The target KeyDirectory; Package.swift says what it may import.
